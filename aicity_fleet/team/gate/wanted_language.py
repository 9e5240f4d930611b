"""A check for an answer in another language than the order asks for."""

import itertools
import re
from collections.abc import Iterator

from aicity_fleet.team.gate.language_detector import (
    MAX_PART_CHARS,
    MIN_PART_LETTERS,
    is_plain_english,
    language_of,
    letters,
    possible_languages,
)
from aicity_fleet.team.gate.language_names import NAMES
from aicity_fleet.team.gate.patterns import Finder, compile_fast
from aicity_fleet.team.gate.verdict import HARD, Check, Finding, Submission
from aicity_fleet.team.gate.words import FUNCTION_WORDS, words_of

MIN_LETTERS = 60
"""A text of fewer letters is not judged; a Chinese or Japanese character counts as three."""

MAX_PARTS = 40
"""How many lines of a text, or of an order, are looked at."""

WRONG_SHARE = 0.7
"""Share of a text's letters in other languages, from which on it is in another language."""

SYMBOL_SHARE = 0.08
"""A line with a larger share of the symbols of code is none of a language."""

GRAMMAR_SHARE = 0.08
"""The least share of function words in sentences."""

MAX_ORDER_CHARS = 6000
"""Where an order names languages, in characters from its start."""

MAX_NAMES = 60
"""How many names of languages are read."""

MIN_GRAMMAR = 3
"""So many words of a language's grammar in an order say that its answer may be in that language."""

_CLOSE = (
    frozenset(("da", "nb", "sv")),
    frozenset(("cs", "sk")),
    frozenset(("es", "ca", "pt", "gl")),
    frozenset(("ru", "uk", "bg")),
    frozenset(("zh", "ja")),
    frozenset(("ar", "fa")),
)
"""Languages that short texts do not tell apart."""

_SPACED = "|".join(NAMES.values())
_UNSPACED = (
    "英語|英语|英文|ドイツ語|德语|法语|フランス語|スペイン語|西班牙语"
    "|中文|中国語|日本語|日语|韓国語|韩语|俄语|ロシア語"
)
_NAME = compile_fast(rf"\b(?:{_SPACED})(?!\w)|(?:{_UNSPACED})")
_NAMED = Finder("|".join([*(rf"\b{name}(?!\w)" for name in _SPACED.split("|")), _UNSPACED]))

_BEFORE_NAME = re.compile(
    r"(?:\b(?:in|into|to|auf|ins|en|em|vers|al|in het|naar het|på|till|po|na|по|на|к|in das"
    r"|für|a|ao|para o|para|nach|as)\s+|\bl['\u2019]|用|翻译成|译成|译为|成|(?:language|sprache"
    r"|langue|idioma|lingua)\s?[:=]\s?)"
    r"(?:(?:the|plain|simple|clear|formal|informal|idiomatic|natural|good|fluent|modern"
    r"|standard|easy|everyday|colloquial|business|native|british|american|brazilian|european"
    r"|mexican|latin american|swiss|austrian|canadian|simplified|traditional|einfaches?|el"
    r"|le|l['\u2019]|o|lo|il) ?){0,2}$"
)
_AFTER_NAME = re.compile(
    r"[*\"'\u201d)]{0,3}(?:$|\s*[.,;:!?)\n/&\u2014\u2013-]|\s+(?:and|or|for|with|about|of"
    r"|please|only|language|version|that|on|at|using|by|so|because|translation|und|oder|für"
    r"|mit|über|bitte|et|ou|pour|avec|sur|y|o|para|con|sobre|e|o|per|su|com|sobre"
    r"|the following|this|these|as|while|keep\w*|from|where|which|no|not|if"
    r"|between|within|under|max\w*|around|approximately|a|an|die|den|das|der|diesen?|sprache"
    r"|é|språk\w*|voor|over|om|och|sentences?|prose|i|oraz|na|о|для|и|to|the|text|aimed"
    r"|addressed|suitable|describing|explaining|introducing|announcing|welcoming|inviting"
    r"|summari[sz]ing|\())|[でにへでを]|으로|로\b|[,。、]"
)
_BOTH = Finder(
    r"\b(?:bilingual|zweisprachig|bilingue|bilingüe|both languages|side by side|vocabulary"
    r"|flash ?cards?|phrase ?book|phrases|glossary|learners?|lessons?|grammar|how (?:do"
    r"|would|to) (?:you |i )?say|difference between|meaning of|what does|explain"
    r"|loan ?words?|pronunciation|pronounce|exercises?|etymolog\w+|untranslatable|idioms?"
    r"|proverbs?|vokabel\w*|compare|comparison|subtitles?)\b"
)
_TRANSLATES = re.compile(
    r"\b(?:translat\w+|locali[sz]\w+|render(?:ed)?|übersetz\w*|tradu\w+|vertal\w*"
    r"|översätt\w*|przetłumacz\w*|tłumacz\w*)\b|перев[её]?[дс]?\w*|翻译|翻訳|번역|译成|訳し"
)
_INTO = re.compile(
    r"(?:\b(?:into|to|ins|vers|al|naar het|till|na|на|ao|para|en|auf)\s+(?:\S{1,14}\s)?"
    r"|\bl['\u2019]|成)$"
)

_ENGLISH = re.compile(
    r"\b(?:the|write|please|explain|about|of|with|what|how|why|give|make|find|list|create|describe"
    r"|tell|which|should|from|this|that|your|our|my|review|short|and|for|draft|compare|summari[sz]e)\b"
)
"""Words of which an English order has two at least: short clauses mislead the detector."""
_GRAMMAR = {
    code: frozenset(words.split())
    for code, words in (
        ("de", "der die das und ist mit für als nicht ein eine einen auf von bitte im zu wir ich"),
        ("fr", "le la les une des et est pour avec dans qui sur pas du je nous vous s'il"),
        ("es", "el la los las una con para que por del es y en no se mi nuestro favor"),
        ("it", "il la gli una con per che di del della è e non un mi nostro"),
        ("pt", "o os as uma com para que por do da é e não em um meu nosso favor"),
        ("nl", "de het een en van met voor dat op niet is wij ik graag in"),
    )
}
"""Words of grammar of which an order in a language has three at least: terms mislead the detector."""

_CLAUSE = re.compile(r"[^\n\".:;!?\u201c\u201d\u201e\u00ab\u00bb。！？「」]{12,}")
_INVENTED = Finder(
    r"\blorem|\brandom|\bpassword|\bbase ?64|\bencod|\bcipher|\bencrypt|\binvented"
    r"|\bnonsense|gibberish|\bfictional language|\bconlang|\bmade-up|\bphonetic|\bdialect"
    r"|\bslang\b"
    r"|\bpirate|\bshakespear|\bold english|\bmiddle english|\bromani[sz]|\btransliterat"
    r"|\bipa\b|\bmultilingual|\bseveral languages|\bvarious languages"
    r"| (?<=\w )(?:different )?languages\b"
)
"""Orders of a text in no language, or in several."""
_NOT_PROSE = re.compile(
    r"https?://\S+|`[^`\n]*`|<[^<>\n]{1,300}>|[\w.-]+@[\w.-]+|\b\w+(?:[._/]\w+)+"
)
_MAY_BE_NO_PROSE = compile_fast(r"[`<@]|[._/]\w|://")
"""What all that is no prose holds."""

_NO_SYMBOLS = bytes(byte for byte in range(256) if chr(byte) not in "{}[]();=<>\\_#$%^&*+~|")
_CODE_TYPES = frozenset(("code_generation", "bug_fix", "testing", "devops"))
_LANGUAGE_FIELDS = frozenset(
    """
    language lang locale target_language targetlanguage output_language outputlanguage sprache langue
    idioma
    """.split()  # noqa: SIM905 -- easier to read
)


def other_language(submission: Submission) -> Iterator[Finding]:
    """Most of the text is in a language that the order neither asks for nor is written in.

    A language that the order names as the one to write in is asked for; where it names none so, any that
    it mentions, or that some of it is written in, will do.

    Source: docs.aicity.dev/docs/guides/disputes (relevance: an answer that the buyer cannot read).
    """
    parts = _prose_lines(submission)
    wanted = _wanted(submission, parts) if parts else frozenset()
    if wanted and _has_grammar(parts) and _is_in_another(parts, wanted):
        yield Finding(
            "other_language",
            "The text is not in the language of the order; write it in that.",
            HARD,
        )


def _is_in_another(parts: list[str], wanted: frozenset[str]) -> bool:
    right = wrong = 0
    for part in parts:
        code = language_of(part)
        if code in wanted:
            right += letters(part)
        elif code:
            wrong += letters(part)
    return wrong >= MIN_LETTERS and wrong > WRONG_SHARE * (right + wrong)


def _has_grammar(parts: list[str]) -> bool:
    """Whether a text is sentences: lists of names and terms are in no language."""
    words = words_of(" ".join(parts))
    spaced = [word for word in words if word < "\u0e00" or "\uac00" <= word < "\ud800"]
    if len(spaced) < len(words) / 2:
        return True
    found = sum(map(FUNCTION_WORDS.__contains__, spaced))
    if found < GRAMMAR_SHARE * len(spaced):
        found += sum(word >= "\uac00" and word not in FUNCTION_WORDS for word in spaced)
    return found >= GRAMMAR_SHARE * len(spaced)


def _prose_lines(submission: Submission) -> list[str]:
    """The lines of a text that are sentences of a language, without addresses and code."""
    if submission.task.task_type in _CODE_TYPES and not submission.blocks:
        return []
    parts = _lines(submission.prose)
    return parts if sum(map(letters, parts)) >= MIN_LETTERS else []


def _lines(text: str) -> list[str]:
    parts: list[str] = []
    short: list[str] = []
    gathered = 0
    looked_at = text[:100_000]
    is_all_prose = not _MAY_BE_NO_PROSE.search(looked_at)
    for line in filter(None, looked_at.split("\n")):
        part = line[:MAX_PART_CHARS]
        if _count_symbols(part) > SYMBOL_SHARE * len(part) and "|" not in line:
            continue
        if not is_all_prose and _MAY_BE_NO_PROSE.search(part):
            part = _NOT_PROSE.sub(" ", part)
        part = part.strip(" #*->|")
        length = letters(part)
        if not length:
            continue
        # Verses and items are too short to be judged one by one.
        short.append(part)
        gathered += length
        if gathered >= 2 * MIN_PART_LETTERS:
            parts.append(" ".join(short))
            short, gathered = [], 0
        if len(parts) >= MAX_PARTS:
            return parts
    rest = " ".join(short)
    return [*parts, rest] if letters(rest) >= MIN_PART_LETTERS else parts


def _count_symbols(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass").translate(None, _NO_SYMBOLS))


def _wanted(submission: Submission, parts: list[str]) -> frozenset[str]:
    """The codes of the languages that will do; none if that cannot be told."""
    task = submission.task
    fields = [
        str(value).lower() for name, value in task.details.items()
        if name.lower().replace("-", "_") in _LANGUAGE_FIELDS
    ]  # fmt: skip
    named = {_code(match) for value in fields for match in _names_in(value)}
    named |= {value[:2] for value in fields if re.fullmatch(r"[a-z]{2}(?:[-_]\w{2,4})?", value)}
    description = task.description
    lower = description[:MAX_ORDER_CHARS].lower()
    names = _names_in(lower)
    asked = named or _asked_for(lower, names)
    if not asked and is_plain_english(description) and all(map(is_plain_english, parts)):
        return frozenset()  # nearly always: the detector is loaded only where it is needed
    if _INVENTED.is_in(submission.order):
        return frozenset()
    if asked:
        return _usable(asked)
    mentioned = set(map(_code, names))
    texts = [description, task.code, *(v for v in task.details.values() if isinstance(v, str))]
    clauses = [
        clause
        for text in texts
        for clause in itertools.islice(_CLAUSE.findall(text[:20_000]), MAX_PARTS)
    ]
    english = {"en"} if len(set(_ENGLISH.findall(lower))) >= 2 else set()
    is_sure = english or any(map(language_of, [" ".join(description.split()), *clauses]))
    if not is_sure or (_TRANSLATES.search(lower) and not mentioned):
        return frozenset()
    whole = " ".join(description.split())
    possible = set().union(*(possible_languages(clause) for clause in (whole, *clauses)))
    words = set(words_of(lower))
    possible |= {code for code, grammar in _GRAMMAR.items() if len(words & grammar) >= MIN_GRAMMAR}
    return _usable(mentioned | english | possible)


def _usable(codes: set[str]) -> frozenset[str]:
    """These codes with those of close languages; none if there is one that is not told apart."""
    if codes - set(NAMES) or "??" in codes:
        return frozenset()
    return frozenset(codes).union(*(group for group in _CLOSE if group & codes))


def _names_in(lower: str) -> list[re.Match[str]]:
    found = _NAME.finditer(lower) if _NAMED.is_in(lower) else ()
    return list(itertools.islice(found, MAX_NAMES))


def _code(match: re.Match[str]) -> str:
    return next(code for code, names in NAMES.items() if re.fullmatch(names, match.group()))


def _asked_for(lower: str, names: list[re.Match[str]]) -> set[str]:
    """The codes of the languages that an order names as those to write in."""
    if not names or _BOTH.is_in(lower):
        return set()
    translates = bool(_TRANSLATES.search(lower))
    into: set[str] = set()
    asked: set[str] = set()
    end = -1
    for match in names:
        before = lower[max(0, match.start() - 60) : match.start()]
        follows = end >= 0 and re.fullmatch(
            r"\W{0,3}(?:and|und|et|y|e|or|oder|ou|o|och|en|i|и)?\W{0,2}", lower[end : match.start()]
        )
        if (follows or _BEFORE_NAME.search(before)) and _AFTER_NAME.match(lower, match.end()):
            asked.add(_code(match))
            end = match.end()
            if translates and (_INTO.search(before) or (follows and into)):
                into.add(_code(match))
    return into or asked


CHECKS: tuple[Check, ...] = (other_language,)
