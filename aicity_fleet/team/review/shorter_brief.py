"""A shorter form of a brief, for a model whose context is too small for the whole one. No AutoGen here.

The middle of the longest text of the buyer's is left out, and a line says so: a model that knows what it
did not see can say it too. The same arguments give the same text.
"""

import re

LEAST_CHARS = 1000
"""A text of the buyer's of this length or less is not shortened, in characters."""

HEAD_SHARE = 0.75
"""How much of what is kept is the beginning of the text; the rest is its end."""

_NOTE = "The next block is shortened: at one line <...> some of its characters were left out."


def shorten_brief(text: str, *, nonce: str, keep: float) -> str | None:
    """Return a brief whose longest block is shorter; None when no block is worth shortening.

    Args:
        text: A brief, or what this function made of one.
        nonce: The nonce of its fences, which no text of the buyer's holds.
        keep: How much of the block is kept, from 0 to 1.
    """
    fence = re.escape(nonce)
    blocks = re.finditer(
        rf"^(BEGIN BUYER TEXT {fence}: \w+\n)(.*?)(?=\nEND BUYER TEXT {fence}$)",
        text,
        re.MULTILINE | re.DOTALL,
    )
    longest = max(blocks, key=lambda block: len(block[2]), default=None)
    if longest is None or len(longest[2]) <= LEAST_CHARS:
        return None
    short = _without_middle(longest[2], int(len(longest[2]) * keep))
    before = text[: longest.start()]
    note = "" if before.endswith(f"{_NOTE}\n") else f"{_NOTE}\n"
    return f"{before}{note}{longest[1]}{short}{text[longest.end() :]}"


def _without_middle(text: str, kept_chars: int) -> str:
    """Cut out the middle, at whole lines where lines are short."""
    head = text[: int(kept_chars * HEAD_SHARE)]
    tail = text[-(kept_chars - len(head)) :]
    head = head[: head.rfind("\n")] if "\n" in head[-200:] else head
    tail = tail[tail.find("\n") + 1 :] if "\n" in tail[:200] else tail
    return f"{head}\n<...>\n{tail}"
