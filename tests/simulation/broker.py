"""Celery as the fleet meets it: queues in Redis; any message may be lost, doubled, late or early."""

from __future__ import annotations

import json
from collections import Counter

from simulation.stage import Process, Strand
from simulation.world import KEYS, World

from aicity_fleet.errors import QueueUnavailableError


class Broker:
    """The queues, and the strands that wait for a message.

    Args:
        world: Where they are.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._idle: dict[str, list[Strand]] = {}
        self._lengths: Counter[str] = (
            Counter()
        )  # spares asking Redis for messages that are not there
        world.forget_messages = self._lengths.clear

    def send(self, queue: str, text: str) -> None:
        """Send a message.

        Raises:
            QueueUnavailableError: The broker did not take it, or did and its answer was lost.
        """
        world, profile = self._world, self._world.profile
        world.pause()
        if world.happens(profile.message_refused):
            world.count("message_refused")
            if world.happens(0.5):
                self._push(queue, text)
            raise QueueUnavailableError("refused")
        if world.happens(profile.message_lost):
            world.count("message_lost")
            world.note(f"message lost: {queue} {text}")
        elif world.happens(profile.message_late):
            world.count("message_late")
            world.stage.at(world.rng.random() * 20, lambda: self._push(queue, text))
        else:
            self._push(queue, text)
        if world.happens(profile.message_doubled):
            world.count("message_doubled")
            world.stage.at(world.rng.random() * 30, lambda: self._push(queue, text))
        world.pause()

    def take(self, queues: tuple[str, ...]) -> tuple[str, str]:
        """The next message of the first queue that has one; waits for it."""
        world, strand = self._world, self._world.stage.strand
        assert strand is not None
        while True:
            for queue in queues:
                if self._lengths[queue]:
                    self._lengths[queue] -= 1
                    found = world.query("RPOP", KEYS.prefix + queue)
                    world.pause()  # it is acknowledged: a crash from here on loses it
                    text, sent_at = json.loads(found)
                    if (
                        queue != "control"
                        or world.stage.seconds - sent_at < world.profile.poll_seconds
                    ):
                        return queue, text
                    break
            else:
                for queue in queues:
                    self._idle.setdefault(queue, []).append(strand)
                world.stage.wait()
                for queue in queues:
                    if strand in self._idle[queue]:
                        self._idle[queue].remove(strand)

    def nudge(self) -> None:
        """A consumer is gone, and perhaps it was just woken for a message: wake the others."""
        for strands in self._idle.values():
            for strand in strands:
                self._wake(strand)

    def _push(self, queue: str, text: str) -> None:
        world = self._world
        side = "RPUSH" if world.happens(world.profile.message_late) else "LPUSH"
        self._lengths[queue] += 1
        world.query(side, KEYS.prefix + queue, json.dumps([text, world.stage.seconds]))
        idle = [s for s in self._idle.get(queue, ()) if _is_up(s.process)]
        if idle:
            self._wake(world.rng.choice(idle))

    def _wake(self, strand: Strand) -> None:
        self._world.stage.wake(strand, self._world.rng.random() * 0.01)


def _is_up(process: Process) -> bool:
    return process.is_alive and not process.is_stopped
