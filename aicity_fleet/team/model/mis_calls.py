"""Counts a model's answers in a row whose tool calls did nothing, so that no run is spent on them."""

from collections.abc import Sequence

from autogen_core.models import AssistantMessage, FunctionExecutionResultMessage, LLMMessage

MAX_MIS_CALLS = 3
"""After how many such answers in a row a turn ends. So a mis-call is explained to the model twice."""


class MisCalls:
    """The count of one run.

    The members share it, because a run may spend only so much on explanations.
    """

    def __init__(self) -> None:
        self._in_a_row = 0
        self._latest: list[tuple[str, str]] = []

    @property
    def are_too_many(self) -> bool:
        """Whether the turn should end."""
        return self._in_a_row >= MAX_MIS_CALLS

    def note(self, messages: Sequence[LLMMessage]) -> bool:
        """Count the answer whose calls were just carried out.

        An answer did nothing if each of its calls failed, or if it is the same as the one before.

        Args:
            messages: What the model is about to be asked.

        Returns:
            Whether there was such an answer: the turn has begun, and goes on.
        """
        if len(messages) < 2 or not isinstance(messages[-1], FunctionExecutionResultMessage):
            return False
        asked, results = messages[-2], messages[-1].content
        calls = []
        if isinstance(asked, AssistantMessage) and not isinstance(asked.content, str):
            calls = [(call.name, call.arguments) for call in asked.content]
        if calls == self._latest:
            self._in_a_row = max(self._in_a_row, 1) + 1  # the first of the same ones counts as well
        elif all(result.is_error for result in results):
            self._in_a_row += 1
        else:
            self._in_a_row = 0
        self._latest = calls
        return True
