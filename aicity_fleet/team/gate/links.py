"""Checks of where a deliverable points: addresses that would carry something away, or run something.

Only what a reader's program follows by itself or shows as a link counts; code blocks are left alone,
and so is every address that the order itself holds.
"""

import html
import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from aicity_fleet.team.gate.verdict import HARD, Check, Finding, Submission

MAX_IMAGE_QUERY_CHARS = 100
"""A longer query of an image's address is taken for a message, in characters."""

MAX_LINK_QUERY_CHARS = 400
"""A longer query of a link is taken for a message, in characters; searches stay below it."""

MIN_OPAQUE_IMAGE_CHARS, MIN_OPAQUE_LINK_CHARS = 24, 40
"""Unreadable letters and digits in a row that are taken for a message, in characters."""

_TARGET = re.compile(r"\]\([ \t]{0,9}<?([^)\s>]{1,4000})")
_REFERENCE = re.compile(r"^ {0,3}\[[^\]\n]{1,200}\]:[ \t]{0,9}<?([^\s>]{1,4000})", re.M)
_ATTRIBUTE = re.compile(
    r"\b(?:href|src|srcset|action|formaction|data|poster|background)\s{0,9}=\s{0,9}[\"']?([^\"'\s>]{1,4000})",
    re.I,
)
_BARE = re.compile(r"https?://[^\s<>\"')\]]{1,4000}", re.I)
_MARKS = ((_TARGET, "]("), (_REFERENCE, "]:"), (_ATTRIBUTE, "="), (_BARE, "://"))
"""What is in a text that holds such an address."""
_IMAGES = (
    (re.compile(r"!\[[^\]\n]{0,500}\]\([ \t]{0,9}<?([^)\s>]{1,4000})"), ("![",)),
    (
        re.compile(
            r"<(?:img|source|video|audio|embed|iframe|input|object)\b[^>]{0,500}?"
            r"\b(?:src|srcset|data)\s{0,9}=\s{0,9}[\"']?([^\"'\s>]{1,4000})",
            re.I,
        ),
        ("<",),
    ),
    (re.compile(r"[uU](?<=\b[uU])[rR][lL]\(\s{0,9}[\"']?([^)\"'\s]{1,4000})"), ("l(", "L(")),
)
"""Addresses of images, each with what is in a text that holds one."""
_IMAGE_BY_REFERENCE = re.compile(r"!\[[^\]\n]{0,500}\]\[")
_RUNS_CODE = re.compile(r"(?:javascript|vbscript|data:(?!image/(?:png|gif|jpeg|webp)[;,]))", re.I)
_PIECE = re.compile(r"[A-Za-z0-9+=]+")


def carries(submission: Submission) -> Iterator[Finding]:
    """An image or a link whose address holds more than an address: the way to send something away.

    Source: genai.owasp.org (LLM02:2025, "Sensitive Information Disclosure"; LLM05:2025, "Improper Output
    Handling"): a reader's program asks for an image without being told to.
    """
    text = submission.plain_prose
    images = {
        address
        for pattern, marks in _IMAGES
        if any(mark in text for mark in marks)
        for address in pattern.findall(text)
    }
    links = {
        address
        for pattern in _present(text)
        if pattern is not _ATTRIBUTE
        for address in pattern.findall(text)
    }
    if _IMAGE_BY_REFERENCE.search(text):
        images |= set(_REFERENCE.findall(text))
    if not (images or links):
        return
    known = submission.addresses
    if any(address not in known and _is_message(address, is_image=True) for address in images):
        yield Finding(
            "carries", "An image's address carries data; leave the image out or shorten it.", HARD
        )
    elif any(address not in known and _is_message(address, is_image=False) for address in links):
        yield Finding("carries", "A link carries data in its query; leave that part out.", HARD)


def runs_code(submission: Submission) -> Iterator[Finding]:
    """A link that runs a script, or is a page by itself.

    Source: genai.owasp.org (LLM05:2025, "Improper Output Handling").
    """
    text = submission.plain_prose
    for pattern in _present(text):
        if pattern is _BARE:
            continue
        for address in pattern.findall(text):
            plain = re.sub(r"[\x00-\x20]", "", html.unescape(unquote(address)))
            if _RUNS_CODE.match(plain) and address not in submission.addresses:
                yield Finding("runs_code", "A link would run code; leave the link out.", HARD)
                return


def _present(text: str) -> list[re.Pattern[str]]:
    """The patterns of addresses that can be in a text."""
    return [pattern for pattern, mark in _MARKS if mark in text]


def _is_message(address: str, *, is_image: bool) -> bool:
    try:
        parts = urlsplit(html.unescape(address))
    except ValueError:  # a bracketed host that is none
        return False
    if parts.scheme.lower() not in {"http", "https"} and not address.startswith("//"):
        return False
    most = MAX_IMAGE_QUERY_CHARS if is_image else MAX_LINK_QUERY_CHARS
    tail = f"{parts.query}#{parts.fragment}"
    if len(tail) > most:
        return True
    least = MIN_OPAQUE_IMAGE_CHARS if is_image else MIN_OPAQUE_LINK_CHARS
    told = f"{parts.netloc}/{parts.path}?{tail}" if is_image else tail
    return any(
        len(piece) >= least and _is_opaque(piece)
        for text in (told, unquote(told))
        for piece in _PIECE.findall(text)
    )


def _is_opaque(piece: str) -> bool:
    """Whether letters and digits are mixed as no word mixes them."""
    kinds = re.sub(r"[A-Z]+", "A", re.sub(r"[a-z]+", "a", re.sub(r"[\d+=]+", "0", piece)))
    return len(kinds) * 3 >= len(piece)


CHECKS: tuple[Check, ...] = (carries, runs_code)
