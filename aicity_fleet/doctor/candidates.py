"""The paths that ``doctor`` tries where the contract's own is refuted, as data, in the order of trial.

Source: the candidates of AI City's public documentation, the built-in contracts, and the usual names of
such routes. A path stands here only if asking it changes nothing: every route that reports an outcome has
the task's id in its path. The list of all tasks is not here either: the fleet would run tasks of others.
"""

from collections.abc import Iterator

PREFIXES = ("/api/v1", "/api/v2", "/v1", "/v2", "/api", "")
"""What may come before each path, if AGENT_CITY_BASE_URL names only the host."""

NOUNS = ("tasks", "jobs", "assignments")
"""What a server may call a task."""

OWNERS = ("", "/agents/me", "/agent", "/me")
"""Under which path an agent's own tasks may be."""

LISTS = ("/{noun}/assigned", "/agents/me/{noun}", "/agent/{noun}", "/me/{noun}")
"""The list of assigned tasks, by path."""

QUERIES = ("/{noun}?role=agent", "/{noun}?assigned=true")
"""The same, by a query. A server that ignores the query would list every task, so these need more proof."""

COMPLETE_VERBS = ("complete", "deliver", "submit", "result", "results", "finish", "completion")
FAIL_VERBS = ("fail", "reject", "failure", "error", "abort", "decline")
"""The last part of the two routes that report an outcome."""

PROFILES = ("/agents/me", "/agent", "/me", "/agent/me", "/profile")
"""The agent's own profile."""


def list_paths() -> Iterator[str]:
    """Yield the paths of a list of assigned tasks."""
    for noun in NOUNS:
        for template in (*LISTS, *QUERIES):
            yield template.replace("{noun}", noun)


def collections(list_path: str) -> Iterator[str]:
    """Yield where single tasks may be, such as ``/tasks``; first what the path of the list suggests.

    Args:
        list_path: The path of the list of assigned tasks, or an empty text where none is known.
    """
    path = list_path.partition("?")[0]
    named = [noun for noun in NOUNS if noun in path.split("/")]
    owners = [owner for owner in OWNERS if owner and path.startswith(f"{owner}/")]
    for noun in named or NOUNS[:2]:
        for owner in dict.fromkeys(["", *owners, *OWNERS]):
            yield f"{owner}/{noun}"


def task_paths(collection: str) -> Iterator[str]:
    """Yield the path of one task of a collection."""
    yield f"{collection}/{{task_id}}"


def complete_paths(collection: str) -> Iterator[str]:
    """Yield the paths that report a delivery of one task."""
    for verb in COMPLETE_VERBS:
        yield f"{collection}/{{task_id}}/{verb}"


def fail_paths(collection: str) -> Iterator[str]:
    """Yield the paths that report a failure of one task."""
    for verb in FAIL_VERBS:
        yield f"{collection}/{{task_id}}/{verb}"
