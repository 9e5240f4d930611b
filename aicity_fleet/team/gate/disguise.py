"""Finds texts of ours in a deliverable also where they are encoded, spaced out or spelled otherwise.

It cannot find what a model encodes in a way of its own, or encodes twice: docs/security.md says which
control holds then.
"""

import base64
import codecs
import functools
import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import unquote

MIN_SECRET_CHARS = 16
"""A secret with fewer letters and digits is looked for as it stands only: an honest text could spell it."""

WINDOW_CHARS = 16
"""This many letters and digits in a row give a secret away. A line of the instructions must match whole."""

_STEP = 8

_LOOKALIKES = str.maketrans(
    "асеорхуівнкмтабԁјѕһԛԝαβεηικμνορτυχ",
    "aceopxyibhkmtabdjshqwabehikmvoptux",
)
_SEPARATORS = re.compile(r"[\W_]+")
_ESCAPE = re.compile(r"\\x([0-9A-Fa-f]{2})|\\u\{?([0-9A-Fa-f]{4,6})\}?")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}")
_BASE32 = re.compile(r"[A-Z2-7]{24,}")
_HEX = re.compile(r"[0-9a-f]{24,}")
_BINARY = re.compile(r"(?:[01]{8}){10,}")
_DECIMAL = re.compile(r"\d(?<=\b\d)\d{1,2}\b(?:[\s,;]{1,3}\b\d{2,3}\b){10,}")


def holds_any(text: str, secrets: Iterable[str]) -> bool:
    """Whether a text holds one of these, in its plain form or in a disguise.

    Args:
        text: What is to be sent.
        secrets: Keys and nonces, and lines of the instructions; one with blanks is such a line.
    """
    needles = tuple(dict.fromkeys(needle for secret in secrets for needle in _needles(secret)))
    return any(needle in view for view in _views(text) for needle in needles)


def skeleton(text: str) -> str:
    """What is left of a text for a reader who looks past its looks: small letters and digits."""
    return _skeleton_of(text.encode()) if text.isascii() else _folded(text)


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_LOOKALIKES)
    return _SEPARATORS.sub("", folded)


_SKELETONS = [_folded(chr(byte)) for byte in range(256)]
_SKELETON = bytes(ord(s) if len(s) == 1 else byte for byte, s in enumerate(_SKELETONS))
_NOTHING = bytes(byte for byte, s in enumerate(_SKELETONS) if not s)
_LETTERS = {chr(byte): s for byte, s in enumerate(_SKELETONS) if len(s) > 1}


def _skeleton_of(decoded: bytes) -> str:
    """The skeleton of bytes in Latin-1, in which each character has one of its own."""
    text = decoded.translate(_SKELETON, _NOTHING).decode("latin-1")
    for char, letters in _LETTERS.items():
        text = text.replace(char, letters)
    return text


@functools.lru_cache(maxsize=256)
def _needles(secret: str) -> tuple[str, ...]:
    letters = skeleton(secret)
    if len(letters) < MIN_SECRET_CHARS:
        return ()
    if " " in secret.strip():
        windows = [letters]
    else:
        last = len(letters) - WINDOW_CHARS
        windows = [letters[at : at + WINDOW_CHARS] for at in (*range(0, last, _STEP), last)]
    return tuple(each for window in windows for each in (window, window[::-1]))


def _views(text: str) -> Iterator[str]:
    """The text as skeletons: as it stands, and with each encoding undone."""
    plain = skeleton(text)
    yield plain
    yield codecs.encode(plain, "rot13")
    unescaped = html.unescape(unquote(_ESCAPE.sub(_unescaped, text)))
    if unescaped != text:
        yield skeleton(unescaped)
    compact = "".join(text.split())
    yield from _decoded(_BASE64, compact.translate(str.maketrans("-_", "+/")), 4, _from_base64)
    yield from _decoded(_BASE32, compact, 8, _from_base32)
    digits = re.sub(r"[\s:,]+", "", re.sub(r"0x|\\x", "", text.lower()))
    yield from _decoded(_HEX, digits, 2, _from_hex)
    yield from _decoded(_BINARY, digits, 8, _from_binary)
    for run in _DECIMAL.findall(text):
        yield _skeleton_of(bytes(n for n in map(int, re.findall(r"\d+", run)) if n < 256))


def _decoded(
    pattern: re.Pattern[str], text: str, width: int, decode: Callable[[str], bytes]
) -> Iterator[str]:
    """Every run of an alphabet, decoded from each place within a group: its beginning is unknown."""
    runs = pattern.findall(text)
    if not runs:
        return
    for offset in range(width):
        yield _skeleton_of(b"".join(decode(run[offset:]) for run in runs))


def _from_base64(run: str) -> bytes:
    if len(run) % 4 == 1:
        run = run[:-1]
    return base64.b64decode(run + "=" * (-len(run) % 4))


def _from_base32(run: str) -> bytes:
    while len(run) % 8 in {1, 3, 6}:
        run = run[:-1]
    return base64.b32decode(run + "=" * (-len(run) % 8))


def _from_hex(run: str) -> bytes:
    return bytes.fromhex(run[: len(run) // 2 * 2])


def _from_binary(bits: str) -> bytes:
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


def _unescaped(match: re.Match[str]) -> str:
    code = int(match[1] or match[2], 16)
    return chr(code) if code < 0x110000 else ""
