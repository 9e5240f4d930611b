"""A check for text without sense in any language: random characters, word salad, a soup of tokens."""

import itertools
import re
from collections.abc import Iterator

from aicity_fleet.team.gate.passages import Passage
from aicity_fleet.team.gate.patterns import Finder
from aicity_fleet.team.gate.random_characters import HAN, MIN_WORDS, is_random, without_rows
from aicity_fleet.team.gate.verdict import HARD, Check, Finding, Submission
from aicity_fleet.team.gate.word_salad import most_oddity, noise, oddity
from aicity_fleet.team.gate.words import FUNCTION_WORDS

LOOKED_AT_CHARS = 40_000
"""How much of a text is looked at, in characters from its start."""

MIN_RUNNING_WORDS = 40
"""Running text shorter than this says nothing about its grammar."""

FUNCTION_SHARE = 0.06
"""The least share of function words in running text; Finnish and Turkish have 0.1, English 0.4."""

MIN_SALAD_PAIRS = 3
"""A text with fewer of the pairs below is no salad."""

SALAD_SHARE = 0.03
"""Most of the pairs of English words that no sentence has, such as "the of"; real text has none."""

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
_TOKEN = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\d+|[^\w\s]")


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


def gibberish(submission: Submission) -> Iterator[Finding]:
    """Characters or words in no order, unless the order asks for such.

    Function words are the mark of running text in any language (Zipf's law), and no language stacks
    consonants without end; a loss of both is noise. What is no running text is not judged by them.

    Source: Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020 (incoherent samples);
    unicode.org/reports/tr24 (scripts).
    """
    order = submission.task.description.lower()
    if (_is_gibberish(submission, order) and not _ORDERED.is_in(order)) or (
        _is_odd(submission) and not _ORDERED_ODDITIES.is_in(order)
    ):
        yield Finding("gibberish", "The text makes no sense; write it again in sentences.", HARD)


def _is_gibberish(submission: Submission, order: str) -> bool:
    prose = submission.passage(_without_addresses(submission.prose[:LOOKED_AT_CHARS]))
    return (
        is_random(prose)
        or _is_salad(prose)
        or (_lacks_grammar(prose) and not _ASKS_LIST.is_in(order))
    )


def _is_odd(submission: Submission) -> bool:
    """Whether the sentences of a text are full of what no sentence has, in words or in noise."""
    plain = submission.plain_prose[:LOOKED_AT_CHARS]
    prose = submission.passage(_without_addresses("\n".join(without_rows(plain.split("\n")))))
    found = len(noise(prose, submission.order))
    if most_oddity(prose, found) >= MIN_ODDITY:
        share, weight = oddity(prose.lower, found)
        if share > ODDITY_SHARE and weight >= MIN_ODDITY:
            return True
    return found >= MIN_NOISE and found > NOISE_SHARE * len(prose.letter_words)


def _without_addresses(prose: str) -> str:
    return _ADDRESS.sub(" ", prose) if any(mark in prose for mark in _ADDRESS_MARKS) else prose


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
            word for word in words if not HAN.match(word) and not "\u0e00" <= word[0] <= "\u0eff"
        ]
    function_words = sum(map(FUNCTION_WORDS.__contains__, words))
    return len(words) >= MIN_RUNNING_WORDS and function_words < FUNCTION_SHARE * len(words)


CHECKS: tuple[Check, ...] = (gibberish,)
