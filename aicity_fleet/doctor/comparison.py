"""What one answer says of a route, and what two answers have in common. Plain functions, no I/O."""

import re
from typing import Literal

from aicity_fleet.aicity.probe import Answer

State = Literal["confirmed", "refuted", "unknown"]
RouteName = Literal["assigned", "task", "complete", "fail", "profile"]
Method = Literal["GET", "POST"]


def plain_state(name: RouteName, answer: Answer) -> tuple[State, str] | None:
    """Return what an answer says by itself; None where nonsense beside it has to be asked as well."""
    status = answer.status
    if not status:
        return "unknown", ""
    if status in {401, 403}:
        return "unknown", "the server does not let this key ask"
    if status in {408, 429} or status >= 500:
        return "unknown", "the server is busy or broken"
    if 300 <= status < 400:
        return "unknown", "the server sends us elsewhere, and the fleet follows no redirect"
    if status == 405:
        return "refuted", "the path exists, but not for this method"
    if status == 410:
        return "refuted", "the route was retired"
    wanted: type | None = {"assigned": list, "profile": dict}.get(name)
    if wanted is None or status in {400, 422}:
        return None
    if not answer.is_success:
        return "refuted", ""
    if not isinstance(answer.payload, wanted):
        return "refuted", f"it is no JSON {'list' if wanted is list else 'object'}"
    return None


def can_be_compared(answer: Answer) -> bool:
    """Whether an answer says something of its path: not when it was not asked, or the server is busy."""
    return bool(answer.status) and answer.status not in {408, 429} and answer.status < 500


def is_list(answer: Answer) -> bool:
    """Whether an answer is a list of JSON values."""
    return answer.is_success and isinstance(answer.payload, list)


def method_of(answer: Answer) -> Method:
    """Return the method of the request that got an answer."""
    return "POST" if answer.method == "POST" else "GET"


def nonsense_beside(path: str, word: str) -> str:
    """Return a path of the same form that cannot exist.

    Args:
        word: Replaces the last part that is not the task's id, or the value of the query.
    """
    plain, mark, query = path.partition("?")
    if mark:
        return f"{plain}?{query.partition('=')[0]}={word}"
    parts = plain.split("/")
    place = max(at for at, part in enumerate(parts) if part != "{task_id}")
    parts[place] = word
    return "/".join(parts)


_NOT_A_WORD = re.compile(r"\S*[/\d_-]\S*")


def words_of(answer: Answer) -> str:
    """Return what an error says: its code, or its message without paths, ids and numbers."""
    return answer.code or " ".join(_NOT_A_WORD.sub(" ", answer.message).lower().split())
