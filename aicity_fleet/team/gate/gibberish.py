"""A check for text without sense in any language: random characters, word salad, a soup of tokens."""

import collections
import itertools
import re
import unicodedata
from collections.abc import Iterator

from aicity_fleet.team.gate.patterns import Finder
from aicity_fleet.team.gate.verdict import HARD, Check, Finding, Submission
from aicity_fleet.team.gate.word_salad import most_oddity, noise, oddity
from aicity_fleet.team.gate.words import FUNCTION_WORDS, letter_words, pieces

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
_MIXED = re.compile(r"[a-z]\d[a-z]|[a-z]{2}\d|\d[a-z]{2}")
_CAMEL = re.compile(r"[a-z][A-Z]")
_TOKEN = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\d+|[^\w\s]")
_VOWELS = frozenset("aeiouyаеиоуыэюяіїєёæøœıαεηιουωάέήίόύώ")
_CONSONANT = f"[^ {''.join(sorted(_VOWELS))}]"
_UNPRONOUNCEABLE = re.compile(rf"{_CONSONANT}{{5}}[^ ]*|(?<![^ ]){_CONSONANT}+(?![^ ])")
"""A word with five consonants in a row, or without a vowel, among words with blanks between them."""
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


def gibberish(submission: Submission) -> Iterator[Finding]:
    """Characters or words in no order, unless the order asks for such.

    Function words are the mark of running text in any language (Zipf's law), and no language stacks
    consonants without end; a loss of both is noise. What is no running text is not judged by them.

    Source: Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020 (incoherent samples);
    unicode.org/reports/tr24 (scripts).
    """
    order = submission.task.description.lower()
    prose = _ADDRESS.sub(" ", submission.prose[:LOOKED_AT_CHARS])
    is_gibberish = not _ORDERED.is_in(order) and _is_gibberish(
        prose, may_be_list=_ASKS_LIST.is_in(order)
    )
    if is_gibberish or (not _ORDERED_ODDITIES.is_in(order) and _is_odd(submission)):
        yield Finding("gibberish", "The text makes no sense; write it again in sentences.", HARD)


def _is_gibberish(prose: str, may_be_list: bool) -> bool:
    if _is_symbols(prose) or _is_blob(prose):
        return True
    words = letter_words(prose)
    if _mixes_scripts(words) or _is_random_han(prose) or _is_camel_case(words):
        return True
    lower = [word.lower() for word in words if not word.isupper()]
    return (
        _is_unpronounceable(lower)
        or _is_salad(prose)
        or (not may_be_list and _lacks_grammar(prose))
    )


def _is_odd(submission: Submission) -> bool:
    """Whether the sentences of a text are full of what no sentence has, in words or in noise."""
    lines = submission.plain_prose[:LOOKED_AT_CHARS].split("\n")
    prose = _ADDRESS.sub(
        " ", "\n".join(line for line in lines if not line.lstrip().startswith("|"))
    )
    found = len(noise(prose, submission.order))
    if most_oddity(prose, found) >= MIN_ODDITY:
        share, weight = oddity(prose, found)
        if share > ODDITY_SHARE and weight >= MIN_ODDITY:
            return True
    return found >= MIN_NOISE and found > NOISE_SHARE * len(letter_words(prose))


def _is_symbols(prose: str) -> bool:
    lines = [line for line in prose.split("\n") if not line.lstrip().startswith("|")]
    text = "".join(lines)
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
    runs = pieces(prose, _BLANKS_BUT_BLOBS)
    others = [run for run in runs if not run.isalpha()]
    if len(runs) >= 2 * MIN_WORDS and len(others) > MIXED_SHARE * len(runs):
        mixed = sum(bool(_MIXED.search(run)) for run in others)
        if mixed > MIXED_SHARE * len(runs):
            return True
    total = sum(map(len, runs))
    if total < 100 or max(map(len, runs)) < LONG_WORD_CHARS:
        return False
    long = sum(len(run) for run in runs if len(run) >= LONG_WORD_CHARS and len(set(run)) > 8)
    return long > total / 2


def _mixes_scripts(words: list[str]) -> bool:
    if len(words) < MIN_WORDS or all(word[0].isascii() for word in words):
        return False
    scripts = [_script(word) for word in words]
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


def _is_camel_case(words: list[str]) -> bool:
    """Whether the text is a heap of identifiers, as the rare tokens of a model are."""
    mixed = [word for word in words if not (word.islower() or word.istitle())]
    if len(words) < MIN_WORDS or len(mixed) <= CAMEL_SHARE * len(words):
        return False
    return sum(bool(_CAMEL.search(word)) for word in mixed) > CAMEL_SHARE * len(words)


def _is_random_han(prose: str) -> bool:
    if prose.isascii():
        return False
    found: list[str] = _HAN.findall(prose)
    if len(found) < MIN_HAN:
        return False
    common = sum(char < "\u3100" or char in _COMMON_HAN for char in found)
    return common < HAN_SHARE * len(found)


def _is_unpronounceable(words: list[str]) -> bool:
    """Whether many words of an alphabet with vowels could not be spoken."""
    judged = [word for word in words if len(word) >= 4 and word.isascii() and word.isalpha()]
    marked = map(_without_marks, itertools.filterfalse(str.isascii, words))
    judged += [word for word in marked if len(word) >= 4 and _LATIN_OR_CYRILLIC.fullmatch(word)]
    if len(judged) < MIN_WORDS:
        return False
    bad = len(_UNPRONOUNCEABLE.findall(" ".join(judged)))
    return bad > UNPRONOUNCEABLE_SHARE * len(judged)


def _without_marks(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


def _is_salad(prose: str) -> bool:
    """Whether English function words stand in no order, with white space alone between them."""
    lower = prose.lower()
    if _count_salad(letter_words(lower)) < MIN_SALAD_PAIRS:  # whatever stands between them
        return False
    tokens = _TOKEN.findall(lower)
    bad = _count_salad(tokens)
    if bad < MIN_SALAD_PAIRS:
        return False
    pairs = sum(one[0].isalpha() and two[0].isalpha() for one, two in itertools.pairwise(tokens))
    return bool(bad > SALAD_SHARE * pairs)


def _count_salad(tokens: list[str]) -> int:
    return sum(map(_SALAD.__contains__, itertools.pairwise(tokens)))


def _lacks_grammar(prose: str) -> bool:
    """Whether the long lines of a text hold next to no function words."""
    words: list[str] = []
    for line in prose.split("\n"):
        found = letter_words(line.lower())
        if len(found) >= MIN_WORDS and not line.lstrip().startswith("|"):
            words += found
    if not prose.isascii():
        words = [
            word for word in words if not _HAN.match(word) and not "\u0e00" <= word[0] <= "\u0eff"
        ]
    function_words = sum(map(FUNCTION_WORDS.__contains__, words))
    return len(words) >= MIN_RUNNING_WORDS and function_words < FUNCTION_SHARE * len(words)


CHECKS: tuple[Check, ...] = (gibberish,)
