"""Finds texts of ours in a deliverable also where they are encoded, spaced out or spelled otherwise.

It cannot find what a model encodes in a way of its own, or encodes twice: docs/security.md says which
control holds then.
"""

import base64
import binascii
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
"""From one window to the next; also how many letters and digits a window is recognised by."""

_LOOKALIKES = str.maketrans(
    "асеорхуівнкмтабԁјѕһԛԝαβεηικμνορτυχ",
    "aceopxyibhkmtabdjshqwabehikmvoptux",
)
_SEPARATORS = re.compile(r"[\W_]+")
_ESCAPE = re.compile(r"\\x([0-9A-Fa-f]{2})|\\u\{?([0-9A-Fa-f]{4,6})\}?")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}")
_BASE32 = re.compile(r"[A-Z2-7]{24,}")
MIN_HEX_CHARS = 24
_HEX = re.compile(rf"[0-9a-f]{{{MIN_HEX_CHARS},}}")
_HEX_DIGITS = bytes(ord("0") if chr(byte) in "0123456789abcdef" else byte for byte in range(256))
_BETWEEN_HEX = bytes(
    byte for byte in range(256) if byte > 127 or chr(byte).isspace() or chr(byte) in ":,\\x"
)
"""White space beyond ASCII is of bytes above 127."""
_BINARY = re.compile(r"(?:[01]{8}){10,}")
_COMPACT = str.maketrans("-_", "+/")
_DECIMAL = re.compile(r"\d(?<=\b\d)\d{1,2}\b(?:[\s,;]{1,3}\b\d{2,3}\b){10,}")


def holds_any(text: str, secrets: Iterable[str]) -> bool:
    """Whether a text holds one of these, in its plain form or in a disguise.

    Args:
        text: What is to be sent.
        secrets: Keys and nonces, and lines of the instructions; one with blanks is such a line.
    """
    needles, as_rot13 = _all_needles(tuple(secrets))
    plain = skeleton(text)
    return (
        needles.are_in(plain)
        or as_rot13.are_in(plain)
        or any(map(needles.are_in, _decodings(text)))
    )


class Needles:
    """Texts to look for in others.

    Every eighth place of a text begins eight characters of a needle that is in it, within the needle's
    first fifteen: a look at these places rules out nearly all texts.

    Args:
        needles: The texts, each any long.
    """

    def __init__(self, needles: Iterable[str]) -> None:
        self._all = tuple(dict.fromkeys(needles))
        self._short = tuple(needle for needle in self._all if len(needle) < 2 * _STEP - 1)
        self._parts = frozenset(
            needle[at : at + _STEP]
            for needle in self._all
            for at in range(_STEP)
            if len(needle) >= 2 * _STEP - 1
        )

    def are_in(self, text: str) -> bool:
        """Whether one of them is in a text."""
        places = (text[at : at + _STEP] for at in range(0, len(text), _STEP))
        needles = self._short if self._parts.isdisjoint(places) else self._all
        return any(needle in text for needle in needles)


@functools.lru_cache(maxsize=8)
def _all_needles(secrets: tuple[str, ...]) -> tuple[Needles, Needles]:
    """The needles of all secrets, and the same as they read where ROT13 hides them."""
    needles = [needle for secret in secrets for needle in _needles(secret)]
    return Needles(needles), Needles(codecs.encode(needle, "rot13") for needle in needles)


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


def _decodings(text: str) -> Iterator[str]:
    """The skeletons of the text with each encoding undone, other than ROT13."""
    unescaped = html.unescape(unquote(_ESCAPE.sub(_unescaped, text)))
    if unescaped != text:
        yield skeleton(unescaped)
    compact = "".join(text.split())
    yield from _decoded(_BASE64, compact.translate(_COMPACT), 4, _from_base64)
    yield from _decoded(_BASE32, compact, 8, _from_base32)
    if _may_hold_hex(text):
        digits = re.sub(r"[\s:,]+", "", re.sub(r"0x|\\x", "", text.lower()))
        yield from _decoded(_HEX, digits, 2, _from_hex)
        yield from _decoded(_BINARY, digits, 8, _from_binary)
    for run in _DECIMAL.findall(text):
        yield _skeleton_of(bytes(n for n in map(int, re.findall(r"\d+", run)) if n < 256))


def _may_hold_hex(text: str) -> bool:
    """Whether there are enough digits in a row, when all that may stand between them is left out."""
    digits = text.lower().encode("utf-8", "surrogatepass").translate(_HEX_DIGITS, _BETWEEN_HEX)
    return b"0" * MIN_HEX_CHARS in digits


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
    return binascii.a2b_base64(run + "=" * (-len(run) % 4))


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
