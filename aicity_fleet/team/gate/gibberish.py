"""A check for text without sense in any language: random characters, word salad, a soup of tokens."""

import collections
import itertools
import re
import unicodedata
from collections.abc import Iterator

from aicity_fleet.team.gate.passages import Passage
from aicity_fleet.team.gate.patterns import Finder
from aicity_fleet.team.gate.verdict import HARD, Check, Finding, Submission
from aicity_fleet.team.gate.word_salad import most_oddity, noise, oddity
from aicity_fleet.team.gate.words import FUNCTION_WORDS, pieces

LOOKED_AT_CHARS = 40_000
"""How much of a text is looked at, in characters from its start."""

MIN_WORDS = 12
"""Fewer words are not judged."""

UNPRONOUNCEABLE_SHARE = 0.2
"""Most of the words without a vowel, or with five consonants in a row. Czech and Polish stay below 0.05."""

MIN_RUNNING_WORDS = 40
"""Running text shorter than this says nothing about its grammar."""

FUNCTION_SHARE = 0.06
"""The least share of function words in running text; Finnish and Turkish have 0.1, English 0.4."""

MIN_SALAD_PAIRS = 3
"""A text with fewer of the pairs below is no salad."""

SALAD_SHARE = 0.03
"""Most of the pairs of English words that no sentence has, such as "the of"; real text has none."""

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

ODDITY_SHARE = 0.055
"""Weight per word from which on the oddities of a text make it a salad; verse for children has 0.05."""

MIN_ODDITY = 7
"""Weight of the oddities that a salad has at least."""

MIN_NOISE = 3
"""So many different words of noise, and ``NOISE_SHARE`` of all words, make a text gibberish."""

NOISE_SHARE = 0.01
"""Share of the words; an honest text has a slip or an abbreviation among hundreds."""

_ORDERED_ODDITIES = Finder(
    r"gibberish|nonsense|lorem|filler|placeholder text|invented|constructed|conlang|fictional lang"
    r"|made-up|klingon|elvish|jabberwock|tongue|zungenbr|word famil"
    r"|\brandom|\bcipher|\bencod|\bencrypt|\bbase ?64|\bword salad|\banagram"
    r"|\bscrambl|\bword ?search|\bcrossword|\bdada|\bzaum|\bsound poem|\bscat\b|\bleet"
    r"|\bvocabulary|\bconjugat|\bdeclension|\bgrammar|\btypos?\b|\bdialect|\bphonetic"
    r"|\btransliterat|\babbreviations?\b|\bacronyms?\b|\bkeyboard|\bwelsh|\bonomatop"
)
"""Orders whose answer may be full of words that look odd."""

_ORDERED = Finder(
    r"gibberish|nonsense|random (?:characters?|strings?|letters?|words?|text)|lorem|filler"
    r"|placeholder text|invented language|constructed language|conlang|fictional language"
    r"|made-up (?:words?|language)|jabberwock"
    r"|\bcipher|\bencod|\bencrypt|\bbase ?64|\bhex\b|\bhash|\bpasswords?\b|\btokens?\b"
    r"|\bascii\b|\bemoji|\bklingon|\belvish|\bword salad|\bunicode|\bregex"
    r"|\bregular expression|\bmorse|\bbinary|\bdna\b"
    r"|\banagram|\bscrambl|\bword ?search|\bcrossword|\bdada|\bzaum|\bglossolalia"
    r"|\bsound poem|\bscat\b|\bleet|\bvigen|\bcaesar|\brot ?13|\bkeys?\b|\bcodes?\b|\bserial"
    r"|\bskus?\b|\bplates?\b|\bpostcodes?\b|\bchess|\bmusical notation|\babc notation"
    r"|\bguitar tab|\bformula|\bequation|\blatex|\bhaskell|\bperl\b|\bbrainf"
)
_ASKS_LIST = Finder(
    r"\b(?:keywords?|tags?|hashtags?|names?|list|words|vocabulary|glossary|synonyms?|titles?"
    r"|domains?|ingredients?|terms|inventory|csv|json|yaml|xml|html|css|sql|code|script"
    r"|config\w*|function|program|table|headlines?|slogans?|wordlist|labels?|telegram|notes"
    r"|keyword|stichw|liste)\b"
)

_ADDRESS = re.compile(r"https?://[^\s)>\]]+|\]\([^()\s]{0,2000}\)|<[^<>\n]{1,400}>")
_ADDRESS_MARKS = ("://", "](", "<")
"""What is in such addresses, each in some of them."""
_MIXED = re.compile(r"[a-z]\d[a-z]|[a-z]{2}\d|\d[a-z]{2}")
_CAMEL = re.compile(r"[a-z][A-Z]")
_KINDS = bytes(
    ord("a" if chr(byte).islower() else "A" if chr(byte).isupper() else "0")
    if byte < 128 and chr(byte).isalnum()
    else byte
    for byte in range(256)
)
"""A table that leaves of each letter whether it is a capital, and makes all digits one."""
_TOKEN = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\d+|[^\w\s]")
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


_HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
_COMMON_HAN = frozenset(
    "的一是不了在人有我他这這个個们們来來到时時大地为為子中你说說生国國年着就那和要她出也得里裡后後自以会會家可下而过過天去能对對小多然于於"
    "心学學么麼之都好看起发發当當没沒成只如事把还還用第样樣道想作种種开開美总總从從无無情己面最女但现現前些所同日手又行意动動方期它头頭经經"
    "长長儿兒回位分爱愛老因很给給名法间間斯知世什两兩次使身者被高已亲親其进進此话話常与與活正感"
)
_DETERMINERS = frozenset(("the", "a", "an", "my", "your", "its", "our", "their", "every"))
_NEVER_AFTER_DETERMINER = frozenset(
    """
    the a an of to is are was were be and or but that from with by at for in on have has had which when
    would should could will than then if it they he she we you this these those them him not into
    """.split()  # noqa: SIM905 -- easier to read
)
"""Words that do not follow a determiner, but for a quotation or a slip."""
_PREPOSITIONS = frozenset(("of", "from", "with", "into", "at"))
_NEVER_AFTER_PREPOSITION = frozenset(
    """
    of is are was were be has had would should could will from with into and or
    """.split()  # noqa: SIM905 -- easier to read
)
_SALAD = frozenset(
    (
        *itertools.product(_DETERMINERS, _NEVER_AFTER_DETERMINER),
        *itertools.product(_PREPOSITIONS, _NEVER_AFTER_PREPOSITION),
    )
)
"""The pairs of words that no sentence has."""

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


def gibberish(submission: Submission) -> Iterator[Finding]:
    """Characters or words in no order, unless the order asks for such.

    Function words are the mark of running text in any language (Zipf's law), and no language stacks
    consonants without end; a loss of both is noise. What is no running text is not judged by them.

    Source: Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020 (incoherent samples);
    unicode.org/reports/tr24 (scripts).
    """
    order = submission.task.description.lower()
    if (not _ORDERED.is_in(order) and _is_gibberish(submission, order)) or (
        _is_odd(submission) and not _ORDERED_ODDITIES.is_in(order)
    ):
        yield Finding("gibberish", "The text makes no sense; write it again in sentences.", HARD)


def _is_gibberish(submission: Submission, order: str) -> bool:
    prose = submission.passage(_without_addresses(submission.prose[:LOOKED_AT_CHARS]))
    return (
        _is_symbols(prose.lines)
        or _is_blob(prose.text)
        or _mixes_scripts(prose)
        or _is_random_han(prose.text)
        or _is_camel_case(prose)
        or _is_unpronounceable(prose)
        or _is_salad(prose)
        or (_lacks_grammar(prose) and not _ASKS_LIST.is_in(order))
    )


def _is_odd(submission: Submission) -> bool:
    """Whether the sentences of a text are full of what no sentence has, in words or in noise."""
    plain = submission.plain_prose[:LOOKED_AT_CHARS]
    prose = submission.passage(_without_addresses("\n".join(_without_rows(plain.split("\n")))))
    found = len(noise(prose, submission.order))
    if most_oddity(prose, found) >= MIN_ODDITY:
        share, weight = oddity(prose.lower, found)
        if share > ODDITY_SHARE and weight >= MIN_ODDITY:
            return True
    return found >= MIN_NOISE and found > NOISE_SHARE * len(prose.letter_words)


def _without_addresses(prose: str) -> str:
    return _ADDRESS.sub(" ", prose) if any(mark in prose for mark in _ADDRESS_MARKS) else prose


def _without_rows(lines: list[str]) -> list[str]:
    """These lines without those of tables."""
    return [line for line in lines if "|" not in line or not line.lstrip().startswith("|")]


def _is_symbols(lines: list[str]) -> bool:
    text = "".join(_without_rows(lines))
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
    found: list[str] = _HAN.findall(prose)
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


def _is_salad(prose: Passage) -> bool:
    """Whether English function words stand in no order, with white space alone between them."""
    if _count_salad(prose.lower_letter_words) < MIN_SALAD_PAIRS:  # whatever stands between them
        return False
    tokens = _TOKEN.findall(prose.lower)
    bad = _count_salad(tokens)
    if bad < MIN_SALAD_PAIRS:
        return False
    pairs = sum(one[0].isalpha() and two[0].isalpha() for one, two in itertools.pairwise(tokens))
    return bool(bad > SALAD_SHARE * pairs)


def _count_salad(tokens: list[str]) -> int:
    return sum(map(_SALAD.__contains__, itertools.pairwise(tokens)))


def _lacks_grammar(prose: Passage) -> bool:
    """Whether the long lines of a text hold next to no function words."""
    long = [
        found
        for found, line in zip(prose.lower_words_by_line, prose.lines, strict=True)
        if len(found) >= MIN_WORDS and not line.lstrip().startswith("|")
    ]
    words = list(itertools.chain.from_iterable(long))
    if not prose.text.isascii():
        words = [
            word for word in words if not _HAN.match(word) and not "\u0e00" <= word[0] <= "\u0eff"
        ]
    function_words = sum(map(FUNCTION_WORDS.__contains__, words))
    return len(words) >= MIN_RUNNING_WORDS and function_words < FUNCTION_SHARE * len(words)


CHECKS: tuple[Check, ...] = (gibberish,)
