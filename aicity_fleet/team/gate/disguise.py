"""Finds texts of ours in a deliverable also where they are encoded, spaced out or spelled otherwise.

It cannot find what a model encodes in a way of its own, or encodes twice: docs/security.md says which
control holds then.
"""

import base64
import binascii
import dataclasses
import functools
import html
import itertools
import re
import string
import struct
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from urllib.parse import unquote

MIN_SECRET_CHARS = 16
"""A secret with fewer letters and digits is looked for as it stands only: an honest text could spell it."""

WINDOW_CHARS = 16
"""This many letters and digits in a row give a secret away. A line of the instructions must match whole."""

FEW_NEEDLES = 32
"""So few are looked for one by one: such as those of a run, which no other run has a use for."""

_STEP = 8
"""From one window to the next; also how many letters and digits a window is recognised by."""

_LOOKALIKES = str.maketrans(
    "асеорхуівнкмтабԁјѕһԛԝαβεηικμνορτυχ",
    "aceopxyibhkmtabdjshqwabehikmvoptux",
)
_ROT13 = str.maketrans(
    string.ascii_lowercase, string.ascii_lowercase[13:] + string.ascii_lowercase[:13]
)
_SEPARATORS = re.compile(r"[\W_]+")
_ESCAPE = re.compile(r"\\x([0-9A-Fa-f]{2})|\\u\{?([0-9A-Fa-f]{4,6})\}?")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}")
MIN_BASE32_CHARS = 24
_BASE32 = re.compile(rf"[A-Z2-7]{{{MIN_BASE32_CHARS},}}")
_BASE32_DIGITS = bytes(
    ord("2") if chr(byte) in "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" else byte for byte in range(256)
)
MIN_HEX_CHARS = 24
_HEX = re.compile(rf"[0-9a-f]{{{MIN_HEX_CHARS},}}")
_HEX_DIGITS = bytes(ord("0") if chr(byte) in "0123456789abcdef" else byte for byte in range(256))
_BETWEEN_HEX = bytes(
    byte for byte in range(256) if byte > 127 or chr(byte).isspace() or chr(byte) in ":,\\x"
)
"""White space beyond ASCII is of bytes above 127."""
_BINARY = re.compile(r"(?:[01]{8}){10,}")
MIN_DECIMALS = 11
_DECIMAL = re.compile(
    rf"\d(?<=\b\d)\d{{1,2}}\b(?:[\s,;]{{1,3}}\b\d{{2,3}}\b){{{MIN_DECIMALS - 1},}}"
)
_NO_DIGITS = bytes(byte for byte in range(128) if not chr(byte).isdigit())


def holds_any(text: str, secrets: Iterable[str]) -> bool:
    """Whether a text holds one of these, in its plain form or in a disguise.

    Args:
        text: What is to be sent.
        secrets: Keys and nonces, and lines of the instructions; one with blanks is such a line.
    """
    wanted = _wanted(secrets)
    if _stand_in(text, wanted):
        return True
    letters = skeleton(text)
    readings = "\n".join([letters, letters.translate(_ROT13), *_decodings(text)])
    return _are_in(readings, [each.skeletons for each in wanted])


class Needles:
    """Texts to look for in others.

    Every eighth place of a text begins eight characters of a needle that is in it, within the needle's
    first fifteen: a look at these places rules out nearly all texts.

    Args:
        needles: The texts, each any long.
    """

    def __init__(self, needles: Iterable[str]) -> None:
        self._all = tuple(dict.fromkeys(needles))
        self.are_few = len(self._all) <= FEW_NEEDLES
        """Whether they are looked for one by one."""
        if self.are_few:
            return
        self._short = tuple(needle for needle in self._all if len(needle) < 2 * _STEP - 1)
        parts = [
            needle[at : at + _STEP]
            for needle in self._all
            if len(needle) >= 2 * _STEP - 1
            for at in range(_STEP)
        ]
        self._parts = frozenset(places_of("".join(parts)))

    def __bool__(self) -> bool:
        return bool(self._all)

    def are_in(self, text: str, places: tuple[int, ...] | None = None) -> bool:
        """Whether one of them is in a text.

        Args:
            places: What ``places_of`` says of the text, where others are looked for in it as well.
        """
        needles = self._all
        if not self.are_few:
            places = places_of(text) if places is None else places
            needles = self._short if self._parts.isdisjoint(places) else self._all
        return any(map(text.__contains__, needles))


def places_of(text: str) -> tuple[int, ...]:
    """The eight characters at every eighth place of a text, each as one number."""
    count = len(text) // _STEP
    return struct.unpack(f"{count}Q", _one_byte_each(text[: count * _STEP]))


def _one_byte_each(text: str) -> bytes:
    """A text with one byte for each character: what is equal stays so, and some others become so."""
    return text.encode("latin-1", "replace")


def _are_in(text: str, wanted: Sequence[Needles]) -> bool:
    places = () if all(needles.are_few for needles in wanted) else places_of(text)
    return any(needles.are_in(text, places) for needles in wanted)


@dataclasses.dataclass(frozen=True, slots=True)
class _Wanted:
    """What to look for where some secrets may not go out."""

    as_they_stand: Needles
    short: Needles
    """Those of them that are looked for in no other form."""
    skeletons: Needles


def _wanted(secrets: Iterable[str]) -> tuple[_Wanted, _Wanted]:
    """What to look for: for the lines of instructions, which all runs share, and for a run's own keys."""
    lines: list[str] = []
    keys: list[str] = []
    for secret in secrets:
        if secret:
            (lines if _is_line(secret) else keys).append(secret)
    return _wanted_of(tuple(lines)), _wanted_of(tuple(keys))


@functools.lru_cache(maxsize=32)
def _wanted_of(secrets: tuple[str, ...]) -> _Wanted:
    squeezed = [" ".join(secret.split()) for secret in secrets]
    needles = [list(_needles(skeleton(secret), _is_line(secret))) for secret in secrets]
    return _Wanted(
        Needles(squeezed),
        Needles(secret for secret, found in zip(squeezed, needles, strict=True) if not found),
        Needles(itertools.chain.from_iterable(needles)),
    )


def _stand_in(text: str, wanted: Iterable[_Wanted]) -> bool:
    """Whether a text holds one of these to the letter, but for the white space between words.

    In a text of ASCII that is said of the short ones alone: the skeleton holds each other one as well.
    """
    looked_for = [each.short if text.isascii() else each.as_they_stand for each in wanted]
    return any(looked_for) and _are_in(" ".join(text.split()), looked_for)


def _is_line(secret: str) -> bool:
    return " " in secret.strip()


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


def _needles(letters: str, is_line: bool) -> Iterator[str]:
    """What gives away a secret of these letters, forwards and backwards."""
    if len(letters) < MIN_SECRET_CHARS:
        return
    windows = [letters]
    if not is_line:
        last = len(letters) - WINDOW_CHARS
        windows = [letters[at : at + WINDOW_CHARS] for at in (*range(0, last, _STEP), last)]
    for window in windows:
        yield window
        yield window[::-1]


def _decodings(text: str) -> Iterator[str]:
    """The skeletons of the text with each encoding undone, other than ROT13."""
    unescaped = html.unescape(unquote(_ESCAPE.sub(_unescaped, text)))
    if unescaped != text:
        yield skeleton(unescaped)
    compact = "".join(text.split())
    as_base64 = compact.replace("-", "+").replace("_", "/")
    yield from _decoded(_BASE64, as_base64, 4, _from_base64)
    if b"2" * MIN_BASE32_CHARS in _encoded(compact).translate(_BASE32_DIGITS):
        yield from _decoded(_BASE32, compact, 8, _from_base32)
    if b"0" * MIN_HEX_CHARS in _encoded(text.lower()).translate(_HEX_DIGITS, _BETWEEN_HEX):
        digits = re.sub(r"[\s:,]+", "", re.sub(r"0x|\\x", "", text.lower()))
        yield from _decoded(_HEX, digits, 2, _from_hex)
        yield from _decoded(_BINARY, digits, 8, _from_binary)
    if len(_encoded(text).translate(None, _NO_DIGITS)) >= 2 * MIN_DECIMALS:
        for run in _DECIMAL.findall(text):
            yield _skeleton_of(bytes(n for n in map(int, re.findall(r"\d+", run)) if n < 256))


def _encoded(text: str) -> bytes:
    """A text as bytes, for a look at them that rules out most of the patterns."""
    return text.encode("utf-8", "surrogatepass")


def _decoded(
    pattern: re.Pattern[str], text: str, width: int, decode: Callable[[str], bytes]
) -> Iterator[str]:
    """Every run of an alphabet, decoded from each place within a group: its beginning is unknown."""
    runs = pattern.findall(text)
    for offset in range(width if runs else 0):
        yield _skeleton_of(b"".join([decode(run[offset:]) for run in runs]))


def _from_base64(run: str) -> bytes:
    if len(run) % 4 == 1:
        run = run[:-1]
    return binascii.a2b_base64(run + "==")  # what a run needs not is passed over


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
