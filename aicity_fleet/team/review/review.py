"""The coordinator's judgement: what comes after a turn of the specialist. No AutoGen here.

Deterministic, so that no text can talk it into anything: it looks at what was handed in, asks the
gate, and either asks again or ends the run.
"""

import dataclasses

from aicity_fleet import tracing
from aicity_fleet.models import AssignedTask, Delivered, HandIn, Judgement, Rejected
from aicity_fleet.team import gate
from aicity_fleet.team.declare.spec import TeamSpec
from aicity_fleet.team.model.written_calls import begins_like_call
from aicity_fleet.team.review.brief import (
    OUR_TEXTS,
    Brief,
    private_lines,
    write_remarks,
    write_reminder,
    write_revision,
)

MAX_REFUSALS = 2
"""Refusals in a row after which the task counts as refused."""

MAX_CUTS = 1
"""How many answers may be cut off at the length limit. Each is asked for again, as a shorter one: a model
continues a cut text badly, and a cut tool call not at all."""

PLAIN_AFTER_MISSES = 2
"""After how many turns without a hand-in the specialist's whole answer counts as one."""

MIN_PLAIN_CHARS = 60
"""A shorter plain answer is taken for a remark, in characters: nothing but its length tells them apart."""

MAX_JUDGEMENTS = 3
"""How many hand-ins of a job the judge may read. When it rejects the last of them, the run is given up."""

MAX_FINDINGS_TOLD = 3
"""The most findings that are named to the buyer when a run is given up."""


TOO_LONG_TO_WRITE = Rejected("quality", "The work did not fit the length that the model can write.")
NOTHING_HANDED_IN = Rejected("quality", "No finished deliverable came of the work.")
JUDGED_POOR = Rejected("quality", "The work did not pass our own review.")
"""It holds nothing of what the judge wrote, because the buyer reads it."""


class HandInSlot:
    """Holds what the specialist handed in last."""

    def __init__(self) -> None:
        self._text: str | None = None

    @property
    def is_taken(self) -> bool:
        """Whether there is a text."""
        return self._text is not None

    def hand_in(self, text: str) -> None:
        """Put a text in, in place of an earlier one."""
        self._text = text

    def take(self) -> str | None:
        """Take the text out, if there is one."""
        text, self._text = self._text, None
        return text


@dataclasses.dataclass(frozen=True, slots=True)
class Ask:
    """The run goes on: what the specialist is told next."""

    text: str


class Review:
    """Counts the rounds of one run and judges each turn of the specialist."""

    def __init__(
        self, task: AssignedTask, spec: TeamSpec, brief: Brief, *, forbidden: tuple[str, ...] = ()
    ) -> None:
        """Begin a review.

        Args:
            forbidden: Further texts that may not go out, such as keys.
        """
        self.brief = brief
        self.rounds = 0
        """How often something was handed in."""
        self.hand_in: HandIn | None = None
        """How the specialist handed in last."""
        self.judgement: Judgement | None = None
        """What the judge said last."""
        self._judgements = 0
        self._task = task
        self._spec = spec
        self._misses = 0
        self._cuts = 0
        self._takes_whole_answer = False
        self._refusals = 0
        prompts = "\n".join(member.system_prompt for member in spec.members)
        self._forbidden = (*forbidden, *brief.private_texts, *private_lines(prompts))

    @property
    def ignores_tools(self) -> bool:
        """Whether the specialist has the tool ``submit`` and handed in without it."""
        return self.brief.function_calling and self.hand_in in {"marker", "plain"}

    def judge(
        self, handed_in: str | None, said: str, *, finish_reason: str
    ) -> Ask | Delivered | Rejected:
        """Decide what comes after a turn.

        Args:
            handed_in: What the specialist handed in with the tool, if anything.
            said: What it said besides; holds the deliverable when it hands in with a marker.
            finish_reason: Why the model ended its answer.
        """
        was_cut = finish_reason == "length"
        self._cuts += was_cut
        if self._cuts > MAX_CUTS:
            return TOO_LONG_TO_WRITE
        handed_in = self._found(handed_in, said)
        if handed_in is None:
            return self._missed(said, was_cut=was_cut)
        self.rounds += 1
        with tracing.span("gate", {"aicity_fleet.round": self.rounds}) as noted:
            verdict = gate.check(
                self._task.task_type,
                handed_in,
                self._task,
                finish_reason=finish_reason,
                forbidden=self._forbidden,
                told=OUR_TEXTS,
                pass_mark=self._spec.pass_mark,
            )
            noted.note(
                {
                    "aicity_fleet.passed": verdict.has_passed,
                    "aicity_fleet.score": verdict.score,
                    "aicity_fleet.findings": len(verdict.findings),
                }
            )
        if verdict.has_passed:
            return Delivered(handed_in.strip(), verdict.score)
        refused = self._counts_as_refused(handed_in)
        if refused is not None:
            return refused
        messages = tuple(finding.message for finding in verdict.findings)
        if self.rounds >= self._spec.rounds:
            told = " ".join(messages[:MAX_FINDINGS_TOLD])
            return Rejected("quality", f"The work did not pass our quality checks. {told}")
        return Ask(write_revision(messages, is_plain=self._takes_whole_answer))

    def heed(
        self, delivered: Delivered, judgement: Judgement, *, pass_mark: int
    ) -> Ask | Delivered | Rejected:
        """Decide what comes after the judge has read what the gate accepted. It can only reject.

        Args:
            pass_mark: The lowest score of the judge that passes.
        """
        self.judgement = judgement
        self._judgements += 1
        if judgement.score is None or judgement.score >= pass_mark:
            return delivered
        if self.rounds >= self._spec.rounds or self._judgements >= MAX_JUDGEMENTS:
            return JUDGED_POOR
        return Ask(write_remarks(judgement.findings, self.brief, is_plain=self._takes_whole_answer))

    def _found(self, handed_in: str | None, said: str) -> str | None:
        """Return what was handed in, in whichever way; None if nothing was."""
        how: HandIn = "tool"
        if handed_in is None:
            how, handed_in = "marker", _above_marker(said, self.brief.marker)
        if handed_in is None and self._takes_whole_answer and _may_be_deliverable(said):
            how, handed_in = "plain", said
        if handed_in is not None:
            self.hand_in = how
            self._takes_whole_answer = how == "plain"
        return handed_in

    def _missed(self, said: str, *, was_cut: bool) -> Ask | Rejected:
        self._misses += 1
        refused = self._counts_as_refused(said)
        if refused is not None:
            return refused
        if self._misses > self._spec.reminders:
            return TOO_LONG_TO_WRITE if was_cut else NOTHING_HANDED_IN
        # The last reminder always asks in the simplest way.
        self._takes_whole_answer = self._misses >= min(PLAIN_AFTER_MISSES, self._spec.reminders)
        reminder = write_reminder(self.brief, was_cut=was_cut, is_plain=self._takes_whole_answer)
        return Ask(reminder)

    def _counts_as_refused(self, text: str) -> Rejected | None:
        self._refusals = self._refusals + 1 if gate.is_refusal(text) else 0
        if self._refusals >= MAX_REFUSALS:
            return Rejected("refused", "The task could not be done as it was ordered.")
        return None


def _may_be_deliverable(said: str) -> bool:
    """Whether a plain answer may be a deliverable: a remark is none, nor a call that nobody could read."""
    return len(said.strip()) >= MIN_PLAIN_CHARS and not begins_like_call(said)


def _above_marker(said: str, marker: str) -> str | None:
    """Return the text above a marker that stands alone on the last line; None without one."""
    head, _, last = said.rstrip().rpartition("\n")
    return head if last.strip(" \t`*") == marker else None
