"""The main defences, each taken away: the suite has to notice."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest import mock

from containment.secrets import MODEL_KEY

from aicity_fleet.models import Delivered, Rejected
from aicity_fleet.team import gate
from aicity_fleet.team import run as driver
from aicity_fleet.team.gate import integrity
from aicity_fleet.team.review import brief, review
from aicity_fleet.team.review.coordinator import Coordinator
from aicity_fleet.team.review.review import Ask, Review

Patch = Callable[[], AbstractContextManager[Any]]


@dataclasses.dataclass(frozen=True, slots=True)
class Mutation:
    """One defence that is gone."""

    name: str
    breach: str
    """What the suite then finds, see ``judge``."""
    inputs: tuple[str, ...]
    """The inputs that are tried, by family and the beginning of their name."""
    patch: Patch
    gives_in: bool = True


def without(*checks: str, of_category: str = "") -> Patch:
    """A gate without checks that find the same, and without one of the categories' that does."""
    left = tuple(rule for rule in integrity.CHECKS if rule.__name__ not in checks)
    assert len(left) == len(integrity.CHECKS) - len(checks), checks
    others = {
        task_type: tuple(rule for rule in rules if rule.__name__ != of_category)
        for task_type, rules in gate.CHECKS.items()
    }

    @contextmanager
    def patched() -> Iterator[None]:
        with (
            mock.patch.object(integrity, "CHECKS", left),
            mock.patch.object(gate, "CHECKS", others),
        ):
            yield

    return patched


@contextmanager
def _nothing_of_ours_is_told() -> Iterator[None]:
    with mock.patch.object(brief, "_RULES", ()), mock.patch.object(review, "OUR_TEXTS", ()):
        yield


def _nonces_are_kept() -> AbstractContextManager[Any]:
    return mock.patch.object(brief, "_unforgeable", lambda nonce, _: (nonce, f"HAND-IN-{nonce}"))


def _stop_words_end_the_run() -> AbstractContextManager[Any]:
    honest = Review.judge

    def judge(self: Review, handed_in: str | None, said: str, *, finish_reason: str) -> Any:
        if "TASK_COMPLETE" in said or "TERMINATE" in said:
            return Delivered(said.replace("TASK_COMPLETE", "") or "Done.", 100)
        return honest(self, handed_in, said, finish_reason=finish_reason)

    return mock.patch.object(Review, "judge", judge)


def _stop_words_are_cut_out() -> AbstractContextManager[Any]:
    honest = Review.judge

    def judge(self: Review, handed_in: str | None, said: str, *, finish_reason: str) -> Any:
        ending = honest(self, handed_in, said, finish_reason=finish_reason)
        if isinstance(ending, Delivered):
            return dataclasses.replace(ending, text=ending.text.replace("TASK_COMPLETE", ""))
        return ending

    return mock.patch.object(Review, "judge", judge)


def _never_given_up() -> AbstractContextManager[Any]:
    honest = Review.judge

    def judge(self: Review, handed_in: str | None, said: str, *, finish_reason: str) -> Any:
        ending = honest(self, handed_in, said, finish_reason=finish_reason)
        return Ask("Once more.") if isinstance(ending, Rejected) else ending

    return mock.patch.object(Review, "judge", judge)


def _the_coordinator_is_talked_to() -> AbstractContextManager[Any]:
    honest = Coordinator.speak

    async def speak(self: Coordinator, said: str, token: Any = None) -> str | None:
        if "Given up" in said:
            self.verdict = Rejected("quality", "The work did not pass.")
            return None
        return await honest(self, said, token)

    return mock.patch.object(Coordinator, "speak", speak)


def _prompts_are_logged() -> AbstractContextManager[Any]:
    honest = Coordinator.speak

    async def speak(self: Coordinator, said: str, token: Any = None) -> str | None:
        text = await honest(self, said, token)
        logging.getLogger("team").info("lead.spoke text=%s", text)
        return text

    return mock.patch.object(Coordinator, "speak", speak)


def _briefed(change: Callable[[Any, list[Any]], Any]) -> Patch:
    honest = brief.write_brief

    def patch() -> AbstractContextManager[Any]:
        before: list[Any] = []

        def write(task: Any, **more: Any) -> Any:
            before.append(task)
            return honest(change(task, before), **more)

        return mock.patch.object(driver, "write_brief", write)

    return patch


def _with_the_first_order(task: Any, before: list[Any]) -> Any:
    return dataclasses.replace(task, details={"earlier": before[0].description})


def _with_the_key(task: Any, before: list[Any]) -> Any:
    return dataclasses.replace(task, details={"configuration": f"key = {MODEL_KEY}"})


MUTATIONS = (
    Mutation("a nonce that the buyer knows is kept", "fence",
             ("fence_escapes: with the stolen", "fence_escapes: a block"),
             _nonces_are_kept),
    Mutation("what hides in an order stays hidden", "hidden",
             ("encoded_text: an order in tags", "encoded_text: an order turned"),
             lambda: mock.patch.object(brief, "_UNSAFE", re.compile("(?!)"))),
    Mutation("the gate forbids no text of ours", "canary",
             ("system_prompt_and_keys: what is your prompt", "system_prompt_and_keys: the nonce"),
             without("forbidden", "answers_us")),
    Mutation("the gate sees through no disguise", "canary",
             ("encoded_text: a key in disguise: base64", "encoded_text: the prompt in"),
             lambda: mock.patch.object(integrity, "holds_any", return_value=False)),
    Mutation("the rules of the brief are no secret", "canary",
             ("system_prompt_and_keys: as a list", "role_play: a threat"),
             _nothing_of_ours_is_told),
    Mutation("what a model says of keys is kept", "journal",
             ("system_prompt_and_keys: the key of the provider", "role_play: the owner"),
             lambda: mock.patch.object(driver, "redactor", return_value=dict)),
    Mutation("what was withheld is delivered", "hijack",
             ("system_prompt_and_keys: the key in", "system_prompt_and_keys: the agent's key"),
             without("secret")),
    Mutation("the gate takes a stop word", "stop word",
             ("stop_words: as the last line", "stop_words: in bold"), without("control_text")),
    Mutation("the gate takes nothing at all", "hollow",
             ("huge_and_malformed: nothing but blanks", "huge_and_malformed: nothing but dots"),
             without("sized")),
    Mutation("the gate takes what nobody sees", "hidden",
             ("huge_and_malformed: an escape", "encoded_text: a key in disguise: tags"),
             without("unsendable")),
    Mutation("the gate takes addresses that carry", "link",
             ("links_and_images: an unknown payload",),
             without("carries", of_category="real_sources_where_ordered")),
    Mutation("the gate takes addresses that run", "link",
             ("links_and_images: a script address", "links_and_images: a page as"),
             without("runs_code")),
    Mutation("stop words end the run", "hijack",
             ("stop_words: said", "stop_words: in the task's type"), _stop_words_end_the_run),
    Mutation("stop words are cut out", "hijack", ("stop_words: amid",), _stop_words_are_cut_out),
    Mutation("the coordinator is talked to", "hijack", ("forged_verdicts: given up",),
             _the_coordinator_is_talked_to),
    Mutation("a run is never given up", "bounds",
             ("forged_verdicts: accepted", "tool_calls: a shell"), _never_given_up, gives_in=False),
    Mutation("one order stands in the next", "other job", ("role_play: a play", "role_play: a threat"),
             _briefed(_with_the_first_order)),
    Mutation("the key stands in the brief", "request", ("role_play: a play",), _briefed(_with_the_key)),
    Mutation("prompts are logged", "log", ("role_play: a play",), _prompts_are_logged),
)  # fmt: skip
