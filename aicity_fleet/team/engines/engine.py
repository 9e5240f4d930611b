"""The protocol of an engine: it gives turns to the members of one run. ``team/run.py`` does the rest.

An engine keeps the conversation and nothing else. Model calls go through the participants' clients, which
journal, count and stop them; the coordinator judges.
"""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar, Protocol

from autogen_core import CancellationToken
from autogen_core.models import ChatCompletionClient
from autogen_core.tools import Workbench

from aicity_fleet.team.review.coordinator import Coordinator


@dataclasses.dataclass(frozen=True, slots=True)
class Participant:
    """One specialist's place in a run."""

    name: str
    system_prompt: str
    client: ChatCompletionClient
    workbench: Workbench | None
    """Its tools; None when its model cannot call any, or it has none."""
    max_tool_iterations: int
    """Most model calls within one turn."""


class Engine(Protocol):
    """The conversation of one run."""

    version: ClassVar[str]
    """Part of the version of a journal. It changes when the engine asks in another way."""

    def __init__(self, coordinator: Coordinator, participants: Sequence[Participant]) -> None: ...

    @property
    def failure(self) -> Exception | None:
        """The exception of our own code, before a library wrapped it."""
        ...

    async def turn(self, speaker: str, token: CancellationToken) -> bool:
        """Give one member its turn, and return when it is over.

        Args:
            speaker: The coordinator's or a participant's name, in the order of the participants.

        Returns:
            Whether that member spoke; False when the conversation cannot continue.
        """
        ...

    def close(self) -> None:
        """Let go of the conversation, which gets no further turn."""
        ...
