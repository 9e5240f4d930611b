"""What an engine is: it gives turns to the members of one run. The driver does all the rest.

An engine keeps the conversation and nothing else: calls go through the seats' clients, which journal,
count and stop; judging is the lead's.
"""

from __future__ import annotations

import dataclasses
from typing import Protocol

from autogen_core import CancellationToken
from autogen_core.models import ChatCompletionClient
from autogen_core.tools import Workbench


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

    @property
    def failure(self) -> Exception | None:
        """What went wrong in our own code, before a library wrapped it."""
        ...

    async def turn(self, speaker: str, token: CancellationToken) -> bool:
        """Give one member its turn, and return when it is over.

        Args:
            speaker: The coordinator or a seat's name; they come in the order of the seats.
            token: Cancels the turn.

        Returns:
            Whether that member really spoke; False when the conversation cannot go on.
        """
        ...
