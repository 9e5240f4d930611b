"""The judge: the gate's second stage, a model that reads what the gate has passed.

Its calls pass a journaled client, so they are journaled, counted and bounded like every call of the team.
It can reject, and it can have no say. It cannot deliver: only the gate's verdict does. ``team/run.py``
opens it.
"""

from collections.abc import Mapping

from autogen_core import CancellationToken
from autogen_core.models import SystemMessage, UserMessage

from aicity_fleet.journal import JournalCursor, canonical_sha256
from aicity_fleet.models import AssignedTask, Judgement, Rejected, Silence
from aicity_fleet.team.declare.spec import JudgeSpec, Member
from aicity_fleet.team.endings import OVER_BUDGET, TOO_LONG, UNPROFITABLE
from aicity_fleet.team.model.budget import Budget
from aicity_fleet.team.model.journaled_client import JournaledClient
from aicity_fleet.team.model.provider_errors import classify
from aicity_fleet.team.review.judging import read_judgement, write_case

JUDGE = "Judge"
"""Its name in the journal and in transcripts."""

_SILENCES: Mapping[Rejected, Silence] = {
    TOO_LONG: "too_long",
    OVER_BUDGET: "over_budget",
    UNPROFITABLE: "over_budget",
}
"""Why it has no say, by the ending that its call would lead to. Any other is the provider's refusal."""


def member_of(spec: JudgeSpec) -> Member:
    """Return the judge as a client knows its member."""
    return Member(name=JUDGE, system_prompt=spec.system_prompt, model=spec.model)


class Judge:
    """The judge of one run.

    Args:
        budget: The job's; the judge takes its own share out of it.
        nonce: Random text of the job.
    """

    def __init__(
        self,
        spec: JudgeSpec,
        task: AssignedTask,
        client: JournaledClient,
        cursor: JournalCursor,
        budget: Budget,
        *,
        nonce: str,
    ) -> None:
        self.pass_mark = spec.pass_mark
        self._spec, self._task, self._nonce = spec, task, nonce
        self._client, self._cursor, self._budget = client, cursor, budget
        self._tokens_left = spec.max_tokens

    async def judge(self, deliverable: str, token: CancellationToken | None) -> Judgement:
        """Judge a hand-in that the gate has passed.

        Raises:
            Exception: What a model call raises that ends a run: trouble of the provider, the journal's
                failure, or a stop.
        """
        # The report names the team's model, and how the judge's answer ended says nothing of the team's.
        of_team = self._cursor.model, self._cursor.finish_reason
        try:
            for is_again in (False, True):
                case = write_case(self._task, deliverable, nonce=self._nonce, is_again=is_again)
                answer = await self._ask(case, token)
                if isinstance(answer, Judgement):
                    return answer
                judgement = read_judgement(answer, case)
                if judgement is not None:
                    return judgement
            return Judgement(silence="unreadable")
        finally:
            self._cursor.model, self._cursor.finish_reason = of_team

    async def _ask(self, case: str, token: CancellationToken | None) -> str | Judgement:
        """Return the judge's answer, or that it has no say.

        That nothing was bought is journaled too: a replay has neither the bounds nor the provider that were
        the reason.
        """
        sha256 = canonical_sha256({"judge": case})
        entry = await self._cursor.replay("tool", sha256, discards=False)
        if entry is not None:
            return Judgement(silence=entry.answer["text"])
        before = self._cursor.tokens
        try:
            with self._budget.at_most(self._tokens_left):
                result = await self._client.create(
                    [
                        SystemMessage(content=self._spec.system_prompt),
                        UserMessage(content=case, source="user"),
                    ],
                    cancellation_token=token,
                )
        except Exception as error:
            ending = classify(error)
            if self._cursor.failure is not None or not isinstance(ending, Rejected):
                raise
            silence = _SILENCES.get(ending, "refused")
            if await self._cursor.replay("tool", sha256) is None:
                answer = {"text": silence, "is_error": True}
                await self._cursor.record("tool", sha256, answer, seconds=0.0)
            return Judgement(silence=silence)
        finally:
            self._tokens_left -= self._cursor.tokens - before
        return result.content if isinstance(result.content, str) else ""
