"""The coordinator: it says what comes next, whichever engine gives the turns. No AutoGen here."""

from typing import Any, Protocol

from aicity_fleet.journal import JournalCursor
from aicity_fleet.models import AGENT_NAMES, Delivered, Judgement, Rejected
from aicity_fleet.team.replay.transcript import TranscriptEvent, TranscriptListener
from aicity_fleet.team.review.review import Ask, HandInSlot, Review

COORDINATOR = AGENT_NAMES[0]

NO_WORDS = "(no words)"
"""What a member says in a turn that needs no model call, because an engine wants a text for every turn. It
reaches neither a model nor the review."""


class ReadsHandIns(Protocol):
    """The judge, as the coordinator knows it."""

    pass_mark: int
    """The lowest score that passes."""

    async def judge(self, deliverable: str, token: Any) -> Judgement:
        """Judge a hand-in that the gate has passed.

        Args:
            token: The engine's; it cancels the model call.

        Raises:
            Exception: What a model call raises that ends a run.
        """
        ...


class Coordinator:
    """Gives out the brief first, and judges at each later turn."""

    def __init__(
        self,
        review: Review,
        slot: HandInSlot,
        cursor: JournalCursor,
        on_event: TranscriptListener,
        judge: ReadsHandIns | None = None,
    ) -> None:
        self.verdict: Delivered | Rejected | None = None
        """How the run ended; None while it goes on."""
        self.has_judged = False
        """Whether the first round is over: what was to be drafted has been."""
        self._review, self._slot, self._cursor, self._emit = review, slot, cursor, on_event
        self._judge = judge
        self._has_briefed = False

    async def speak(self, said: str, token: Any = None) -> str | None:
        """Say what comes next.

        Args:
            said: The latest words of the member that hands in; empty when it said none.
            token: The engine's; it cancels a call of the judge.

        Returns:
            A text for the team; None when the run has ended, see ``verdict``.
        """
        if not self._has_briefed:
            self._has_briefed = True
            self._emit(TranscriptEvent(COORDINATOR, "order", self._review.brief.text))
            return self._review.brief.text
        self.has_judged = True
        said = "" if said == NO_WORDS else said
        step = self._review.judge(self._slot.take(), said, finish_reason=self._cursor.finish_reason)
        if isinstance(step, Delivered) and self._judge is not None:
            judgement = await self._judge.judge(step.text, token)
            step = self._review.heed(step, judgement, pass_mark=self._judge.pass_mark)
        if isinstance(step, Ask):
            self._emit(TranscriptEvent(COORDINATOR, "ask", step.text))
            return step.text
        self.verdict = step
        told = _in_words(step, self._review.judgement)
        self._emit(TranscriptEvent(COORDINATOR, "verdict", told))
        return None


def _in_words(verdict: Delivered | Rejected, judgement: Judgement | None) -> str:
    if isinstance(verdict, Delivered):
        accepted = f"Accepted with {verdict.score} of 100."
        if judgement is None:
            return accepted
        if judgement.score is None:
            return f"{accepted} The judge had no say ({judgement.silence})."
        return f"{accepted} The judge gave {judgement.score}."
    return f"Given up ({verdict.code}): {verdict.message}"
