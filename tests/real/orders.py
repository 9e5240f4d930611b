"""Ten short orders of five task types, as buyers write them: a small model reads slowly."""

from __future__ import annotations

from typing import Any

_COUNTER = """\
def count_words(text):
    counts = {}
    for word in text.split(" "):
        counts[word] = counts.get(word, 1) + 1
    return counts
"""
_LOGIN = """\
import hashlib

def login(connection, name, password):
    digest = hashlib.md5(password.encode()).hexdigest()
    query = f"SELECT id FROM users WHERE name = '{name}' AND digest = '{digest}'"
    return connection.execute(query).fetchone()
"""
_PAGES = """\
def page(items, number, size):
    start = number * size
    return items[start : start + size - 1]
"""
_MEAN = """\
def mean(values):
    return sum(values) / len(values)
"""
_RETRY = """\
def fetch(get, url):
    while True:
        try:
            return get(url)
        except Exception:
            pass
"""


def _order(task_type: str, description: str, code: str = "") -> dict[str, Any]:
    given = {"description": description} | ({"code": code} if code else {})
    return {"taskType": task_type, "input": given, "maxBudget": 500}


ORDERS = (
    _order(
        "code_review", "Review this login for security. Name lines, severities and fixes.", _LOGIN
    ),
    _order("bug_fix", "The last entry of every page is missing. Fix it and add a test.", _PAGES),
    _order("code_generation", "Write a Python function that reverses the words of a sentence."),
    _order("content_creation", "Write a short notice: the library closes at noon on Friday."),
    _order("general", "Make a packing list for a weekend in the mountains in October."),
    _order("code_review", "Review this function before we use it for downloads.", _RETRY),
    _order("bug_fix", "This crashes on an empty list. Fix it and add a test.", _MEAN),
    _order("code_generation", "Correct and complete this word counter, with a test.", _COUNTER),
    _order("content_creation", "Write a product text of 100 words for a small garden shovel."),
    _order("general", "Explain to a new colleague how to ask for a day off."),
)
"""One order of each type, then another of each."""
