"""Runs ruff over a submitted text: from standard input, without any configuration, in little time.

The code is parsed, never imported or run. Answers are kept, for the same text comes again with
every revision.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import json
import sys
from collections import OrderedDict

RULES = "F,E7,E9,B,S,SIM,UP,PL,C4,C90,PERF,RET,TRY,RUF,DTZ,ARG,BLE"
"""The rule families that find something worth telling a buyer."""

IGNORED = "PLR2004,TRY003,TRY300,S101,RUF001,RUF002,RUF003,RET505,UP009"
"""Rules that are matters of taste in a review."""

KEPT_ANSWERS = 512
"""How many answers are kept; an old one is dropped for a new one."""

AT_ONCE = 4
"""How many linters run at the same time."""

WORTH_FIXING = "F,E7,B,SIM,UP,C4,PERF,RUF"
"""The rule families whose automatic fixes are applied."""


@dataclasses.dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding of the linter."""

    rule: str
    line: int
    message: str


class Linter:
    """Ruff as a subprocess, with a memory.

    Args:
        timeout_seconds: After this long a run is given up and counts as having found nothing.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._kept: OrderedDict[str, str] = OrderedDict()

    async def check(self, code: str) -> list[Diagnostic]:
        """Every finding about a text, by line; none when it cannot be checked."""
        options = ("--output-format", "json", "--select", RULES, "--ignore", IGNORED)
        answer = await self._ruff(code, *options)
        try:
            entries = json.loads(answer or "[]")
        except ValueError:
            return []
        found = [
            Diagnostic(entry.get("code") or "syntax", entry["location"]["row"], entry["message"])
            for entry in entries
        ]
        return sorted(found, key=lambda diagnostic: (diagnostic.line, diagnostic.rule))

    async def fix(self, code: str) -> str:
        """The text with ruff's own fixes applied, or the text itself when there are none."""
        options = ("--fix", "--unsafe-fixes", "--select", WORTH_FIXING)
        return await self._ruff(code, *options) or code

    async def _ruff(self, code: str, *options: str) -> str:
        mark = hashlib.sha256(repr((options, code)).encode()).hexdigest()
        if mark in self._kept:
            self._kept.move_to_end(mark)
            return self._kept[mark]
        async with self._turn:
            answer = await self._run(code, options)
        self._kept[mark] = answer
        if len(self._kept) > KEPT_ANSWERS:
            self._kept.popitem(last=False)
        return answer

    async def _run(self, code: str, options: tuple[str, ...]) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-m", "ruff", "check", "--isolated", "--no-cache", "--quiet"),
            *("--target-version", "py311", *options, "-"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(self.timeout_seconds):
                output, _ = await process.communicate(code.encode("utf-8", "replace"))
        except TimeoutError:
            return ""
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return output.decode("utf-8", "replace")
