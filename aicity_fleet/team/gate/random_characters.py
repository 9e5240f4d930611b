"""Text of random characters: symbols, runs of letters and digits, scripts and words as none has them.

Each asks first what the bytes of a text tell, which rules out nearly all texts.
"""

import collections
import itertools
import re
import unicodedata

from aicity_fleet.team.gate.passages import Passage
from aicity_fleet.team.gate.words import pieces

MIN_WORDS = 12
"""Fewer words are not judged."""

UNPRONOUNCEABLE_SHARE = 0.2
"""Most of the words without a vowel, or with five consonants in a row. Czech and Polish stay below 0.05."""

MIN_HAN = 80
"""Fewer Chinese or Japanese characters are not judged."""

HAN_SHARE = 0.05
"""The least share of the commonest characters among them; running text has 0.15 to 0.6."""

SCRIPT_SWITCHES = 0.15
"""Most of the pairs of neighbouring words in two scripts, where there are three scripts or more."""

SYMBOL_SHARE = 0.4
"""Most of the characters that are neither letters, digits, white space nor common punctuation."""

MIXED_SHARE = 0.4
"""Most of the words that mix letters and digits."""

CAMEL_SHARE = 0.4
"""Most of the words with a capital within."""

LONG_WORD_CHARS = 30
"""A run of letters and digits this long is no word, in characters."""

_MIXED = re.compile(r"[a-z]\d[a-z]|[a-z]{2}\d|\d[a-z]{2}")
_CAMEL = re.compile(r"[a-z][A-Z]")
_KINDS = bytes(
    ord("a" if chr(byte).islower() else "A" if chr(byte).isupper() else "0")
    if byte < 128 and chr(byte).isalnum()
    else byte
    for byte in range(256)
)
"""A table that leaves of each letter whether it is a capital, and makes all digits one."""

_VOWELS = frozenset("aeiouyаеиоуыэюяіїєёæøœıαεηιουωάέήίόύώ")
_CONSONANT = f"[^ {''.join(sorted(_VOWELS))}]"
_UNPRONOUNCEABLE = re.compile(rf"{_CONSONANT}{{5}}[^ ]*|(?<![^ ]){_CONSONANT}+(?![^ ])")
"""A word with five consonants in a row, or without a vowel, among words with blanks between them."""

_SOUNDS = bytes(
    ord("a" if chr(byte).lower() in _VOWELS else "b")
    if byte < 128 and chr(byte).isalpha()
    else byte
    for byte in range(256)
)
"""A table that leaves of each letter whether it is a vowel."""

_LATIN_OR_CYRILLIC = re.compile(r"[a-zа-яёіїєґўђћџљњјæøœßłđðþı]+")
HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
_COMMON_HAN = frozenset(
    "的一是不了在人有我他这這个個们們来來到时時大地为為子中你说說生国國年着就那和要她出也得里裡后後自以会會家可下而过過天去能对對小多然于於"
    "心学學么麼之都好看起发發当當没沒成只如事把还還用第样樣道想作种種开開美总總从從无無情己面最女但现現前些所同日手又行意动動方期它头頭经經"
    "长長儿兒回位分爱愛老因很给給名法间間斯知世什两兩次使身者被高已亲親其进進此话話常与與活正感"
)
_PLAIN_ASCII = bytes(
    byte
    for byte in range(128)
    if chr(byte).isalnum() or chr(byte).isspace() or chr(byte) in ".,;:!?'\"()-*#>/_="
)
_BLANKS_BUT_BLOBS = bytes(
    byte if byte < 128 and (chr(byte).isalnum() or chr(byte) in "+/=_-") else ord(" ")
    for byte in range(256)
)
_IN_BLOBS = bytes(ord(" ") if byte == ord(" ") else ord("0") for byte in _BLANKS_BUT_BLOBS)


def is_random(prose: Passage) -> bool:
    """Whether the characters of a text stand in no order."""
    return (
        _is_symbols(prose.lines)
        or _is_blob(prose.text)
        or _mixes_scripts(prose)
        or _is_random_han(prose.text)
        or _is_camel_case(prose)
        or _is_unpronounceable(prose)
    )


def without_rows(lines: list[str]) -> list[str]:
    """These lines without those of tables."""
    return [line for line in lines if "|" not in line or not line.lstrip().startswith("|")]


def _is_symbols(lines: list[str]) -> bool:
    text = "".join(without_rows(lines))
    most = SYMBOL_SHARE * len(text)
    rest = text.encode("utf-8", "surrogatepass").translate(None, _PLAIN_ASCII)
    odd = rest.decode("utf-8", "surrogatepass")
    return len(text) >= 60 and len(odd) > most and sum(map(_is_symbol, odd)) > most


def _is_symbol(char: str) -> bool:
    """Whether a character is none that text is made of; all of ASCII that is was taken out before."""
    if char.isascii():
        return True
    is_plain = char.isalnum() or char.isspace() or unicodedata.category(char)[0] in "MPZ"
    return not is_plain


def _is_blob(prose: str) -> bool:
    """Whether most of a text is runs of letters and digits that mix both, or are too long for words."""
    if not _may_be_blob(prose.encode("utf-8", "surrogatepass")):
        return False
    runs = pieces(prose, _BLANKS_BUT_BLOBS)
    others = list(itertools.filterfalse(str.isalpha, runs))
    if len(runs) >= 2 * MIN_WORDS and len(others) > MIXED_SHARE * len(runs):
        mixed = sum(bool(_MIXED.search(run)) for run in others)
        if mixed > MIXED_SHARE * len(runs):
            return True
    if max(map(len, runs), default=0) < LONG_WORD_CHARS:
        return False
    total = sum(map(len, runs))
    long = sum(len(run) for run in runs if len(run) >= LONG_WORD_CHARS and len(set(run)) > 8)
    return total >= 100 and long > total / 2


def _may_be_blob(prose: bytes) -> bool:
    """Whether there is a long run, or as many changes from letters to digits as the shortest blob has."""
    kinds = prose.translate(_KINDS)
    mixed = kinds.count(b"a0") + kinds.count(b"0a")
    is_long = b"0" * LONG_WORD_CHARS in prose.translate(_IN_BLOBS)
    return is_long or mixed > MIXED_SHARE * 2 * MIN_WORDS


def _mixes_scripts(prose: Passage) -> bool:
    if prose.text.isascii() or len(prose.letter_words) < MIN_WORDS:
        return False
    scripts = [_script(word) for word in prose.letter_words]
    common = [
        name for name, count in collections.Counter(scripts).items() if count >= 0.04 * len(scripts)
    ]
    switches = sum(one != other for one, other in itertools.pairwise(scripts))
    return len(common) >= 3 and switches > SCRIPT_SWITCHES * len(scripts)


def _script(word: str) -> str:
    """The script of a word, from the name of its first letter; Japanese is one with Chinese."""
    if word[0].isascii():
        return "LATIN"
    name = unicodedata.name(word[0], "").split(" ")[0]
    return "CJK" if name in ("HIRAGANA", "KATAKANA") else name


def _is_camel_case(prose: Passage) -> bool:
    """Whether the text is a heap of identifiers, as the rare tokens of a model are."""
    humps = prose.text.encode("utf-8", "surrogatepass").translate(_KINDS).count(b"aA")
    if humps <= CAMEL_SHARE * MIN_WORDS:
        return False
    words = prose.letter_words
    least = CAMEL_SHARE * len(words)
    if len(words) < MIN_WORDS or humps <= least:
        return False
    mixed = [word for word in words if not (word.islower() or word.istitle())]
    return sum(bool(_CAMEL.search(word)) for word in mixed) > least


def _is_random_han(prose: str) -> bool:
    if prose.isascii():
        return False
    found: list[str] = HAN.findall(prose)
    if len(found) < MIN_HAN:
        return False
    common = sum(char < "\u3100" or char in _COMMON_HAN for char in found)
    return common < HAN_SHARE * len(found)


def _is_unpronounceable(prose: Passage) -> bool:
    """Whether many words of an alphabet with vowels could not be spoken."""
    if _may_be_mute(prose.lower_letter_words) <= UNPRONOUNCEABLE_SHARE * MIN_WORDS:
        return False
    words = prose.letter_words
    others = [
        word.lower() for word in itertools.filterfalse(str.isascii, words) if not word.isupper()
    ]
    judged = [word for word in words if len(word) >= 4 and word.isalpha() and word.isascii()]
    judged = [word.lower() for word in judged if not word.isupper()]
    judged += [
        word
        for word in map(_without_marks, others)
        if len(word) >= 4 and _LATIN_OR_CYRILLIC.fullmatch(word)
    ]
    if len(judged) < MIN_WORDS:
        return False
    bad = len(_UNPRONOUNCEABLE.findall(" ".join(judged)))
    return bad > UNPRONOUNCEABLE_SHARE * len(judged)


def _may_be_mute(words: list[str]) -> int:
    """So many of these words at most could not be spoken, of four letters or more."""
    spaced = f" {'  '.join(words)} "
    if not spaced.isascii():
        return len(words)
    sounds = spaced.encode().translate(_SOUNDS)
    return sounds.count(b"bbbbb") + sounds.count(b" bbbb ")


def _without_marks(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
