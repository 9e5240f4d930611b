"""How much a text looks like words in no order: oddities that a sentence of no language holds often.

One oddity is a slip. Only a text that is full of them is junk, and the caller decides how full.
"""

import itertools
import operator
import re
from collections.abc import Mapping
from types import MappingProxyType

from aicity_fleet.team.gate.passages import Passage

MAX_WORDS = 6_000
"""How many words of a text are looked at, from its start."""

MIN_STEM_WORD = 4
"""Shorter words have no stem to compare, in characters."""

MIN_DOUBLED = 3
"""A shorter word may stand twice in a row, in characters."""

STEM_CHARS = 4
"""Two words that begin with so many equal characters have one stem."""

NOISE_WEIGHT = 2
"""A word of noise weighs as much as so many of the other oddities."""

_TOKEN = re.compile(
    r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\d+|[.,;:!?()\[\]\"\u201c\u201d\u201e|/\n\u2013\u2014-]"
)
_NOISE_TOKEN = re.compile(r"(?<![\w./@#$:\\<-])[^\W\d_]{3,14}(?![\w/@#$:\\>]|\.\w|-\w)")
_VOWELS = frozenset("aeiouyàáâãäåæèéêëìíîïòóôõöøœùúûüýÿąę\u0131\u0151űůěāēīū")
_KEYS = re.compile(
    r"j(?:kl|fk|hg|(?<=ghj)|(?<=lkj)|(?<=kfj)|(?<=vkj)|k(?<=hjk)|h(?<=kjh)|g(?<=fjg)|q|z[bcdfgx])"
    r"|q(?:[b-df-hj-npr-tw-xz]|(?<=[xz]q)(?!u)|(?<=[vw]q))"
    r"|x(?:(?<=zx)|(?<=wx)|(?<=vcx)|(?<=vkx)|(?<=[bcdfgkpqvz]x)[bcdfgkqvz]|cv)"
    r"|f(?:(?<=sdf)|(?<=hgf)|g(?<=dfg)|d(?<=gfd)|dsa|gh[kl])"
    r"|v(?:bn|ks|(?<=nbv)|b(?<=cvb)|c(?<=bvc))|k(?<=asdk)|m(?:(?<=bnm)|nb)"
)
"""Runs of keys beside each other, and pairs of letters that hardly any language has: each by a rare one."""

_MUTE = re.compile(rf"\b[^\W\d_{''.join(sorted(_VOWELS))}]{{4,}}\b")
_AS_CONSONANTS = bytes(
    ord("b") if chr(byte) in "bcdfghjklmnpqrstvwxz" else byte for byte in range(256)
)
"""A table that makes all consonants one."""
_MUTE_CONSONANTS = re.compile(rb"bbbb(?<=\bbbbb)b*\b")
_SYLLABIC = re.compile("[čšžřěľďťňćđ]")
"""Languages with these letters have words without a vowel."""

_KNOWN = frozenset(
    """
    html https http xhtml smtp grpc kwh hmm psst pssst brrr grrr shh shhh tsk nth rhythm zzz xlsx pptx
    docx sqft mdns ldap jpgs pngs csvs pdfs vpns cpus gpus ssds lcds ptsd tbsp tsps tblsp mmhg
    """.split()  # noqa: SIM905 -- easier to read
)

_PAIRS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = MappingProxyType(
    {
        name: (frozenset(first.split()), frozenset(second.split()))
        for name, first, second in (
            (
                "English determiner",
                "the a an my your its our their every",
                "the a an of to is are was were be and or but that from with by at for has have had"
                " which when would should could will than then if it they he she we you these those"
                " them him not into who where blown gone",
            ),
            (
                "English preposition",
                "of from with into at",
                "of is are was were be has had would should could will from with into and or by less",
            ),
            ("English verb", "is are was were", "is are was were has have had goes went does did"),
            ("English conjunction", "and or", "and or of"),
            ("English auxiliary", "must should could would", "of is are was were has had must"),
            ("English pronoun", "it they he she we", "of it they he she the"),
            (
                "French article",
                "le la les un une du au aux des mon son sa leur",
                "le la les un une du au aux des et ou qui que dont est sont il elle ils elles de à",
            ),
            (
                "French preposition",
                "de du à dans avec sur",
                "et ou qui que est sont de du dans avec",
            ),
            (
                "German article",
                "des dem ein eine einen einer einem den",
                "des dem und oder aber ist sind war waren wird hat wenn dass nicht ein eine einen von mit"
                " zu auf für",
            ),
            (
                "German preposition",
                "von mit für bei aus",
                "von mit für bei aus und oder ist sind wird",
            ),
            (
                "Spanish article",
                "el la los las un una del al",
                "el la los las un una del al y o con para es son pero en",
            ),
            ("Spanish preposition", "de con para por en", "de y o es son con pero en del"),
            (
                "Italian article",
                "il lo gli i un una del della dei delle",
                "il lo gli la le un una del della e o ma è sono di con per",
            ),
            (
                "Portuguese article",
                "os as um uma do da dos das",
                "o os as um uma do da dos das e ou mas é são de com para",
            ),
            ("Dutch article", "het een de", "het een de en of maar is zijn van met voor"),
        )
    }
)
"""Words that do not stand one behind the other, but for a quotation, a name or a slip."""

_FINE = frozenset(
    (
        ("a", "le"), ("un", "de"), ("une", "de"), ("la", "une"), ("des", "uns"), ("en", "en"),
        ("ein", "zu"), ("eine", "zu"), ("un", "un"), ("de", "en"), ("the", "a"), ("an", "a"),
        ("de", "de"), ("it", "the"), ("la", "son"), ("sur", "et"), ("ein", "auf"), ("una", "de"),
        ("les", "un"), ("den", "zu"), ("den", "auf"), ("den", "von"), ("den", "mit"), ("den", "für"),
        ("einen", "von"), ("einer", "von"), ("eine", "von"), ("ein", "von"), ("einem", "von"),
        ("un", "est"), ("le", "la"), ("de", "la"), ("de", "le"), ("de", "que"), ("de", "qui"),
        ("un", "e"), ("los", "son"), ("en", "y"), ("en", "es"), ("de", "es"), ("of", "which"),
        ("au", "est"), ("son", "est"), ("een", "en"), ("en", "de"), ("ein", "für"), ("du", "de"),
        ("is", "is"), ("are", "are"), ("was", "was"), ("mit", "ist"), ("aus", "ist"), ("bei", "ist"),
    )
)  # fmt: skip
"""Of these, what does occur."""


_NEVER = (
    frozenset(
        (one, two)
        for first, second in _PAIRS.values()
        for one in first
        for two in second
        if one != two
    )
    - _FINE
)
"""Each word with what does not stand behind it."""

_DOUBLED = frozenset(
    ("that", "had", "very", "bye", "nous", "vous", "sie", "die", "der", "das", "her", "are", "was")
)
"""Words that may stand twice in a row."""


def oddity(lower: str, noises: int) -> tuple[float, int]:
    """Weigh the oddities of running text in lower case.

    They are: a word doubled, two forms of one word next to each other, two function words that never
    follow each other, and words of noise.

    Args:
        noises: How many different words of noise it holds.

    Returns:
        Weight per word (0 for a text without words), and the weight.
    """
    tokens = _TOKEN.findall(lower)[: 2 * MAX_WORDS]
    words = sum(token[0].isalpha() for token in tokens)
    if not words:
        return 0.0, 0
    weight = NOISE_WEIGHT * noises
    for one, two, three in zip(tokens, tokens[1:], [*tokens[2:], ""], strict=False):
        if (one, two) in _NEVER:
            weight += 1
        elif one[:MIN_DOUBLED] in (two[:MIN_DOUBLED], three[:MIN_DOUBLED]):  # hardly ever
            weight += two[0].isalpha() and _is_again(one, two, three)
    return weight / words, weight


def most_oddity(prose: Passage, noises: int) -> int:
    """Return a weight that the oddities do not exceed: what stands between words counts as blanks."""
    words = prose.lower_letter_words
    starts = [word[:STEM_CHARS] for word in words]
    as_after_next = itertools.compress(starts, map(operator.eq, starts, starts[2:]))
    never = sum(map(_NEVER.__contains__, itertools.pairwise(words)))
    as_next: int = sum(map(operator.eq, starts, starts[1:]))
    forms = sum(len(start) >= MIN_STEM_WORD for start in as_after_next)
    return NOISE_WEIGHT * noises + never + as_next + forms


def noise(prose: Passage, order: str) -> set[str]:
    """Return the words without a vowel and the runs of keys that the order does not hold.

    Names and abbreviations are none.
    """
    lower = prose.lower
    if not (_KEYS.search(lower) or _has_mute(lower)):
        return set()
    if _SYLLABIC.search(lower) or not any(
        _may_be_noise(word, order) for word in set(prose.lower_letter_words)
    ):
        return set()
    return {
        word.lower()
        for word in set(_NOISE_TOKEN.findall(prose.text)[:MAX_WORDS])
        if word[1:] == word.lower()[1:] and _is_noise(word.lower()) and word.lower() not in order
    }


def _has_mute(lower: str) -> bool:
    """Whether a word of four letters or more has no vowel."""
    if lower.isascii():
        return bool(_MUTE_CONSONANTS.search(lower.encode().translate(_AS_CONSONANTS)))
    return bool(_MUTE.search(lower))


def _may_be_noise(word: str, order: str) -> bool:
    """Whether a word is noise or has some in it, such as before an apostrophe."""
    if not (_KEYS.search(word) or _has_mute(word)):
        return False
    return not word.isalpha() or not (word in _KNOWN or word in order)


def _is_noise(word: str) -> bool:
    is_mute = len(word) >= 4 and _VOWELS.isdisjoint(word) and len(set(word)) > 2
    return (is_mute or bool(_KEYS.search(word))) and word not in _KNOWN and "a" <= word[0] <= "z"


def _is_again(one: str, two: str, three: str) -> bool:
    """Whether a word is doubled, or one of the next two is a form of it, such as "pump" and "pumping"."""
    if not one[0].isalpha():
        return False
    if one == two:
        return (len(one) >= MIN_DOUBLED and one not in _DOUBLED) or _is_form(one, three)
    return _is_form(one, two) or _is_form(one, three)


def _is_form(one: str, two: str) -> bool:
    return len(one) >= MIN_STEM_WORD and one[:STEM_CHARS] == two[:STEM_CHARS] and one != two
