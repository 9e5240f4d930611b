"""Runs a program over strangers' text: no keys, little time, little memory, bounded output.

It starts programs of ours that parse, and refuses nothing else: that none of them runs what it reads
is up to the tool. A crash, a hang or a flood ends the program and never the worker.
"""

import asyncio
import contextlib
import dataclasses
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

AT_ONCE = 2
"""How many such programs one worker runs at the same time."""

MEMORY_BYTES = 512 * 2**20
"""The most address space of one program, in bytes."""

FILE_BYTES = 32 * 2**20
"""The longest file that a program may write, in bytes."""

OUTPUT_BYTES = 4 * 2**20
"""Where a program's output is cut off and the program ended, in bytes."""

ALARM_SECONDS = 5
"""How much longer than allowed a program lives whose worker is gone, in seconds."""

PYTHON = (sys.executable, "-I", "-B")
"""This Python, deaf to variables, to the user's packages and to the current folder."""

LIMITS = Path(__file__).with_name("limits.py")


@dataclasses.dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended."""

    ending: Literal["ended", "crashed", "timed out", "flooded"]
    """``crashed`` is an end by a signal: out of memory, out of time, or a fault of its own."""
    output: bytes = b""
    exit_code: int = 0


class Confinement:
    """Where one worker runs such programs, a few at a time."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def run(self, program: Sequence[str], *, folder: Path, seconds: int) -> Ran:
        """Run a program to its end, or end it together with all that it started.

        Args:
            program: The absolute path of an executable, and its arguments.
            folder: Its current and home folder, private to the job.
            seconds: The longest it may take, by the clock and on the processor.
        """
        async with self._turn:
            process = await asyncio.create_subprocess_exec(
                *(*PYTHON, "-S", str(LIMITS)),
                *map(str, (seconds, MEMORY_BYTES, FILE_BYTES, seconds + ALARM_SECONDS)),
                *program,
                cwd=folder,
                env=_bare(folder),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                async with asyncio.timeout(seconds):
                    output = await _read(process)
                    if len(output) > OUTPUT_BYTES:
                        return Ran("flooded", output[:OUTPUT_BYTES])
                    exit_code = await process.wait()
            except TimeoutError:
                return Ran("timed out")
            finally:
                await _end(process)
        return Ran("crashed" if exit_code < 0 else "ended", output, exit_code)


def _bare(folder: Path) -> dict[str, str]:
    """Return all that a program learns of this machine. One thread, because each takes address space."""
    return {
        "PATH": os.defpath,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "RAYON_NUM_THREADS": "1",
    }


async def _read(process: asyncio.subprocess.Process) -> bytes:
    """Everything that the program wrote, or a little more than it may."""
    assert process.stdout is not None  # noqa: S101 -- asked for above
    output = bytearray()
    while piece := await process.stdout.read(2**16):
        output += piece
        if len(output) > OUTPUT_BYTES:
            break
    return bytes(output)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of the program's process group, and wait until it is gone."""
    assert process.stdout is not None  # noqa: S101 -- asked for above
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        while await process.stdout.read(2**16):  # else asyncio waits for the pipe forever
            pass
        await process.wait()
