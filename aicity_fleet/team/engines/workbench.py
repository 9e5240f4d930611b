"""The tools of a specialist, guarded: whatever a tool does, AutoGen gets an answer in time.

A tool that raises, hangs or is cancelled within AutoGen leaves its team waiting forever (issue
7956 of microsoft/autogen, unfixed in 0.7.5). So each runs in a task of its own, which the run's
cancellation token does not reach, and this waits for whatever comes first.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from autogen_core import CancellationToken
from autogen_core.tools import (
    ParametersSchema,
    TextResultContent,
    ToolResult,
    ToolSchema,
    Workbench,
)
from pydantic import BaseModel

from aicity_fleet import tracing
from aicity_fleet.journal import JournalCursor, canonical_sha256
from aicity_fleet.redaction import Redact
from aicity_fleet.team.review.review import HandInSlot
from aicity_fleet.team.tools import Tool
from aicity_fleet.team.tools.arguments import MisCallError
from aicity_fleet.tracing.conventions import OPERATION, TOOL
from aicity_fleet.tracing.spans import Noting

SUBMIT = "submit"
"""The name of the tool that hands in the deliverable."""

UNREADABLE_ARGUMENTS = {"unreadable_arguments": True}
"""What the history holds in place of arguments that were cut off, or were not a JSON object."""

MAX_RESULT_CHARS = 40_000
"""The longest tool result that the specialist gets, in characters."""

CANCEL_GRACE_SECONDS = 1.0
"""How long a cancelled tool may take to clean up, in seconds. Then it is abandoned."""

_SUBMIT_SCHEMA = ToolSchema(
    name=SUBMIT,
    description="Hand in the finished deliverable. The content is what the buyer gets, unchanged.",
    parameters=ParametersSchema(
        type="object",
        properties={
            "content": {"type": "string", "description": "The whole deliverable, as Markdown."}
        },
        required=["content"],
        additionalProperties=False,
    ),
)


_NOT_READ = (
    "The arguments of this call were no complete JSON object, so nothing was done. "
    "Call the tool again with all of its arguments."
)


class GuardedWorkbench(Workbench):
    """The tools of one member. Tools run one after another, in the journal's order.

    Args:
        slot: Where ``submit`` puts what is handed in; None for a member that hands nothing in.
        tools: What else the member may call.
        on_call: Called with the name and result of each tool but ``submit``.
        redact: Takes our own secrets out of a result.
    """

    component_config_schema = BaseModel

    def __init__(
        self,
        slot: HandInSlot | None,
        cursor: JournalCursor,
        *,
        tools: Sequence[Tool] = (),
        timeout_seconds: float,
        on_call: Callable[[str, str], None] = lambda _name, _text: None,
        redact: Redact = dict,
    ) -> None:
        self._slot = slot
        self._cursor = cursor
        self._on_call = on_call
        self._redact = redact
        self._tools = {tool.name: tool for tool in tools}
        self._timeout_seconds = timeout_seconds
        self._turn = asyncio.Lock()

    async def list_tools(self) -> list[ToolSchema]:
        """``submit`` first, where there is one."""
        schemas = [_SUBMIT_SCHEMA] if self._slot is not None else []
        for tool in self._tools.values():
            parameters = cast(ParametersSchema, tool.parameters)
            schemas.append(
                ToolSchema(name=tool.name, description=tool.description, parameters=parameters)
            )
        return schemas

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        call_id: str | None = None,  # noqa: ARG002 -- AutoGen passes it
    ) -> ToolResult:
        """Run a tool; never raises, and ends soon after its timeout or the token's cancellation."""
        try:
            async with self._turn:
                return await self._answer(name, arguments, cancellation_token)
        except asyncio.CancelledError:
            return _result(name, "The tool was stopped.", is_error=True)
        except Exception as error:  # noqa: BLE001 -- see the module's docstring
            return _result(name, f"The tool failed ({type(error).__name__}).", is_error=True)

    async def _answer(
        self, name: str, arguments: Mapping[str, Any] | None, token: CancellationToken | None
    ) -> ToolResult:
        # Of a mis-call nothing runs, so nothing is journaled.
        if arguments == UNREADABLE_ARGUMENTS:
            return _result(name, _NOT_READ, is_error=True)
        if name == SUBMIT and self._slot is not None:
            with _tool_span(name) as noted:
                result = _submit(self._slot, arguments)
                if result.is_error:
                    noted.fail("tool_error")
            return result
        tool = self._tools.get(name)
        if tool is None:
            return _result(name, f"There is no such tool. {self._offered}", is_error=True)
        given = arguments or {}
        missing = [each for each in tool.parameters.get("required", ()) if each not in given]
        if missing:
            text = f"Nothing was done: the call needs {' and '.join(missing)}."
            return _result(name, text, is_error=True)
        return await self._call(name, given, token)

    @property
    def _offered(self) -> str:
        names = [SUBMIT] if self._slot is not None else []
        return f"Your tools are: {', '.join([*names, *self._tools])}."

    async def _call(
        self, name: str, arguments: Mapping[str, Any], token: CancellationToken | None
    ) -> ToolResult:
        sha256 = canonical_sha256({"tool": name, "arguments": dict(arguments)})
        entry = await self._cursor.replay("tool", sha256)
        if entry is not None:
            self._on_call(name, entry.answer["text"])
            return _result(name, entry.answer["text"], is_error=entry.answer["is_error"])
        started = time.monotonic()
        with _tool_span(name) as noted:
            text, is_error = await self._run(self._tools[name], arguments, token)
            if is_error:
                noted.fail("tool_error")
        answer = self._redact({"text": text, "is_error": is_error})
        text = answer["text"]
        if token is None or not token.is_cancelled():
            await self._cursor.record("tool", sha256, answer, seconds=time.monotonic() - started)
        self._on_call(name, text)
        return _result(name, text, is_error=is_error)

    async def _run(
        self, tool: Tool, arguments: Mapping[str, Any], token: CancellationToken | None
    ) -> tuple[str, bool]:
        work: asyncio.Future[Any] = asyncio.ensure_future(tool.run(arguments))
        stop: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if token is not None:
            token.link_future(stop)
        try:
            await asyncio.wait(
                {work, stop}, timeout=self._timeout_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if not work.done():
                was_cancelled = stop.cancelled()
                work.cancel()
                await asyncio.wait({work}, timeout=CANCEL_GRACE_SECONDS)
                if was_cancelled:
                    return "The tool was stopped.", True
                return f"The tool took longer than {self._timeout_seconds:g} seconds.", True
        finally:
            stop.cancel()
            work.cancel()
        if work.cancelled():
            return "The tool was stopped.", True
        error = work.exception()
        if isinstance(error, MisCallError):
            return str(error), True
        if error is not None:
            return f"The tool failed ({type(error).__name__}).", True
        return str(work.result())[:MAX_RESULT_CHARS], False

    async def start(self) -> None:
        """Nothing to start."""

    async def stop(self) -> None:
        """Nothing to stop."""

    async def reset(self) -> None:
        """Nothing to reset."""

    async def save_state(self) -> Mapping[str, Any]:
        """Nothing to save: the journal is the state."""
        return {}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Nothing to load."""


def _tool_span(name: str) -> Noting:
    """Return the span of a call.

    Args:
        name: A tool that exists: what a model may call it otherwise is the model's text.
    """
    return tracing.span(f"execute_tool {name}", {OPERATION: "execute_tool", TOOL: name})


def _submit(slot: HandInSlot, arguments: Mapping[str, Any] | None) -> ToolResult:
    given = arguments if isinstance(arguments, Mapping) else {}
    content = given.get("content")
    if (
        "content" not in given and len(given) == 1
    ):  # the deliverable under a name of the model's own
        (content,) = given.values()
    if not isinstance(content, str) or not content.strip():
        text = "Nothing was handed in: content must be a text, the whole deliverable."
        return _result(SUBMIT, text, is_error=True)
    slot.hand_in(content)
    return _result(SUBMIT, "Handed in. The coordinator will check it.")


def _result(name: str, text: str, *, is_error: bool = False) -> ToolResult:
    return ToolResult(name=name, result=[TextResultContent(content=text)], is_error=is_error)
