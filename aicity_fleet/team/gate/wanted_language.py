"""A check for an answer in another language than the order asks for."""

import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aicity_fleet.team.gate.language import is_english
from aicity_fleet.team.gate.verdict import HARD, Check, Finding, Submission

if TYPE_CHECKING:
    from lingua import LanguageDetector

MIN_LETTERS = 60
"""A text of fewer letters is not judged; a Chinese or Japanese character counts as three."""

MIN_PART_LETTERS = 25
"""Shorter lines are not judged; the same."""

MAX_PARTS = 40
"""How many lines of a text, or of an order, are looked at."""

MAX_PART_CHARS = 600
"""How much of a line is looked at, in characters."""

WRONG_SHARE = 0.7
"""Share of a text's letters in other languages, from which on it is in another language."""

SURE = 0.9
"""Confidence from which on a line is taken to be in a language, 0 to 1."""

POSSIBLE = 0.5
"""Confidence from which on a clause of the order says which languages will do, 0 to 1."""

MIN_ORDER_LETTERS = 12
"""Shorter clauses of the order say nothing."""

_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "en": "english|englisch(?:e[nrs]?)?|anglais|inglés|ingles|inglese|inglês|engels|engelska|engelsk|angielsk\\w+|английск\\w+|英語|英语|英文|영어",
        "de": "german|deutsch(?:e[nrs]?)?|allemand|alemán|tedesco|alemão|duits|tyska|tysk|niemieck\\w+|немецк\\w+|ドイツ語|德语|德文|독일어",
        "fr": "french|französisch(?:e[nrs]?)?|français|francais|francés|francese|francês|frans|franska|fransk|francusk\\w+|французск\\w+|フランス語|法语|法文|프랑스어",
        "es": "spanish|castilian|spanisch(?:e[nrs]?)?|espagnol|español|castellano|spagnolo|espanhol|spaans|spanska|spansk|hiszpańsk\\w+|испанск\\w+|スペイン語|西班牙语|西班牙文|스페인어",
        "it": "italian|italienisch(?:e[nrs]?)?|italien|italiano|italiaans|italienska|włosk\\w+|итальянск\\w+|イタリア語|意大利语|이탈리아어",
        "pt": "portuguese|portugiesisch(?:e[nrs]?)?|portugais|portugués|portoghese|português|portugees|португальск\\w+|ポルトガル語|葡萄牙语",
        "nl": "dutch|niederländisch(?:e[nrs]?)?|néerlandais|holandés|neerlandés|olandese|nederlands|голландск\\w+|オランダ語|荷兰语",
        "sv": "swedish|schwedisch(?:e[nrs]?)?|suédois|sueco|svedese|svenska|zweeds|szwedzk\\w+|шведск\\w+|スウェーデン語|瑞典语",
        "da": "danish|dänisch(?:e[nrs]?)?|danois|danés|dansk|датск\\w+",
        "nb": "norwegian|norwegisch(?:e[nrs]?)?|norvégien|noruego|norsk|норвежск\\w+",
        "fi": "finnish|finnisch(?:e[nrs]?)?|finnois|finlandés|suomeksi|suomi|finska|финск\\w+",
        "pl": "polish|polnisch(?:e[nrs]?)?|polonais|polaco|polacco|polsku|polski|польск\\w+|ポーランド語|波兰语",
        "cs": "czech|tschechisch(?:e[nrs]?)?|tchèque|checo|česky|čeština|češtiny|чешск\\w+",
        "sk": "slovak|slowakisch(?:e[nrs]?)?|slovaque|slovensky",
        "hu": "hungarian|ungarisch(?:e[nrs]?)?|hongrois|húngaro|magyarul|magyar|венгерск\\w+",
        "ro": "romanian|rumänisch(?:e[nrs]?)?|roumain|rumano|română",
        "hr": "croatian|kroatisch(?:e[nrs]?)?|croate|croata|hrvatski|serbian|serbisch|bosnian|српски",
        "tr": "turkish|türkisch(?:e[nrs]?)?|turc|turco|türkçe|турецк\\w+|トルコ語|土耳其语",
        "el": "greek|griechisch(?:e[nrs]?)?|grec|griego|greco|ελληνικά|греческ\\w+",
        "ru": "russian|russisch(?:e[nrs]?)?|russe|ruso|russo|русск\\w+|ロシア語|俄语|俄文|러시아어",
        "uk": "ukrainian|ukrainisch(?:e[nrs]?)?|ukrainien|ucraniano|українськ\\w+|украинск\\w+",
        "bg": "bulgarian|bulgarisch(?:e[nrs]?)?|bulgare|búlgaro|български",
        "ar": "arabic|arabisch(?:e[nrs]?)?|arabe|árabe|arabo|العربية|арабск\\w+|アラビア語|阿拉伯语",
        "fa": "persian|farsi|persisch(?:e[nrs]?)?|persan|فارسی",
        "he": "hebrew|hebräisch(?:e[nrs]?)?|hébreu|hebreo|עברית",
        "hi": "hindi|हिन्दी|हिंदी",
        "th": "thai|thailändisch|ไทย",
        "vi": "vietnamese|vietnamesisch|vietnamien|vietnamita|tiếng việt",
        "id": "indonesian|indonesisch|indonésien|bahasa|malay",
        "ca": "catalan|katalanisch|catalán|català",
        "zh": "chinese|mandarin|chinesisch(?:e[nrs]?)?|chinois|chino|cinese|chinês|中文|汉语|普通话|中国語|китайск\\w+|중국어",
        "ja": "japanese|japanisch(?:e[nrs]?)?|japonais|japonés|giapponese|japonês|日本語|日语|日文|японск\\w+|일본어",
        "ko": "korean|koreanisch(?:e[nrs]?)?|coréen|coreano|한국어|韓国語|韩语|корейск\\w+",
        "??": "latin|lateinisch\\w*|swahili|esperanto|tagalog|filipino|tamil|telugu|bengali|urdu|punjabi|welsh|irish|gaelic|icelandic|estonian|latvian|lithuanian|slovenian|basque|galician|afrikaans|zulu|yoruba|hinglish|pinyin|romaji|klingon|pidgin|creole|georgian|armenian|azerbaijani|kazakh|mongolian|nepali|marathi|gujarati|kannada|malayalam|albanian|macedonian|belarusian|luxembourgish|yiddish|maori|hawaiian|somali|amharic|khmer|lao|burmese|sinhala|haitian|maltese|scots|elvish|quechua|sanskrit",
    }
)
"""Names of each language, by its code; ``??`` are those that are not told apart."""

_CLOSE = (
    frozenset(("da", "nb", "sv")),
    frozenset(("cs", "sk")),
    frozenset(("es", "ca", "pt", "gl")),
    frozenset(("ru", "uk", "bg")),
    frozenset(("zh", "ja")),
    frozenset(("ar", "fa")),
)
"""Languages that short texts do not tell apart."""

_ALL_NAMES = "|".join(f"(?P<l{n}>{names})" for n, names in enumerate(_NAMES.values()))
_CODES = tuple(_NAMES)
_NAME = re.compile(rf"(?<!\w)(?:{_ALL_NAMES})(?!\w)|(?:英語|英语|英文|ドイツ語|德语|法语|フランス語|スペイン語|西班牙语|中文|中国語|日本語|日语|韓国語|韩语|俄语|ロシア語)")

_BEFORE_NAME = re.compile(
    r"(?:\b(?:in|into|to|auf|ins|en|em|vers|al|in het|naar het|på|till|po|na|по|на|к|in das|für|a|ao|para o|para|nach|as)\s+|\bl['\u2019]|用|翻译成|译成|译为|成|(?:language|sprache|langue|idioma|lingua)\s?[:=]\s?)"
    r"(?:(?:the|plain|simple|clear|formal|informal|idiomatic|natural|good|fluent|modern|standard|easy|everyday|colloquial|business|native|british|american|brazilian|european|mexican|latin american|swiss|austrian|canadian|simplified|traditional|einfaches?|el|le|l['\u2019]|o|lo|il) ?){0,2}$"
)
_AFTER_NAME = re.compile(
    r"[*\"'\u201d)]{0,3}(?:$|\s*[.,;:!?)\n/&\u2014\u2013-]|\s+(?:and|or|for|with|about|of|please|only|language|version|that|on|at|using|by|so|because|translation|und|oder|für|mit|über|bitte|et|ou|pour|avec|sur|y|o|para|con|sobre|e|o|per|su|com|sobre|the following|this|these|as|while|keep\w*|from|where|which|no|not|if"
    r"|between|within|under|max\w*|around|approximately|a|an|die|den|das|der|diesen?|sprache|é|språk\w*|voor|over|om|och|sentences?|prose|i|oraz|na|о|для|и|to|the|text|aimed|addressed|suitable|describing|explaining|introducing|announcing|welcoming|inviting|summari[sz]ing|\())|[でにへでを]|으로|로\b|[,。、]"
)
_BOTH = re.compile(
    r"\b(?:bilingual|zweisprachig|bilingue|bilingüe|both languages|side by side|vocabulary|flash ?cards?|phrase ?book|phrases|glossary|learners?|lessons?|grammar|how (?:do|would|to) (?:you |i )?say|difference between|meaning of|what does|explain|loan ?words?|pronunciation|pronounce|exercises?|etymolog\w+|untranslatable|idioms?|proverbs?|vokabel\w*|compare|comparison|subtitles?)\b"
)
_TRANSLATES = re.compile(
    r"\b(?:translat\w+|locali[sz]\w+|render(?:ed)?|übersetz\w*|tradu\w+|vertal\w*|översätt\w*|przetłumacz\w*|tłumacz\w*)\b|перев[её]?[дс]?\w*|翻译|翻訳|번역|译成|訳し"
)
_INTO = re.compile(r"(?:\b(?:into|to|ins|vers|al|naar het|till|na|на|ao|para|a|en|auf|in)\s+|\bl['\u2019]|成)\S{0,12}\s?$")

_CLAUSE = re.compile(r"[^\n\".:;!?\u201c\u201d\u201e\u00ab\u00bb。！？「」]{12,}")
_INVENTED = re.compile(
    r"\blorem|\brandom|\bpassword|\bbase ?64|\bencod|\bcipher|\bencrypt|\binvented|\bnonsense|gibberish|\bfictional language|\bconlang|\bmade-up|\bphonetic|\bdialect|\bslang\b"
    r"|\bpirate|\bshakespear|\bold english|\bmiddle english|\bromani[sz]|\btransliterat|\bipa\b|\bmultilingual|\bseveral languages|\bvarious languages|\b(?:\w+|\d+) (?:different )?languages\b"
)
"""Orders of a text in no language, or in several."""
_NOT_PROSE = re.compile(r"https?://\S+|`[^`\n]*`|<[^<>\n]{1,300}>|[\w.-]+@[\w.-]+|\b\w+(?:[._/]\w+)+")
_SYMBOLS = re.compile(r"[{}\[\]();=<>\\_#$%^&*+~|]")
_CODE_TYPES = frozenset(("code_generation", "bug_fix", "testing", "devops"))
_LANGUAGE_FIELDS = frozenset(
    "language lang locale target_language targetlanguage output_language outputlanguage sprache langue idioma".split()
)


def other_language(submission: Submission) -> Iterator[Finding]:
    """Most of the text is in a language that the order neither asks for nor is written in.

    A language that the order names as the one to write in is asked for; where it names none so, any that
    it mentions, or that some of it is written in, will do.

    Source: docs.aicity.dev/docs/guides/disputes (relevance: an answer that the buyer cannot read).
    """
    parts = _prose_lines(submission)
    if not parts:
        return
    if _INVENTED.search(submission.order):
        return
    wanted = _wanted(submission, parts)
    if wanted and _is_in_another(parts, wanted):
        yield Finding(
            "other_language", "The text is not in the language of the order; write it in that.", HARD
        )


def _is_in_another(parts: list[str], wanted: frozenset[str]) -> bool:
    right = wrong = 0
    for part in parts:
        code = language_of(part)
        if code in wanted:
            right += _letters(part)
        elif code:
            wrong += _letters(part)
    return wrong >= MIN_LETTERS and wrong > WRONG_SHARE * (right + wrong)


def _prose_lines(submission: Submission) -> list[str]:
    """The lines of a text that are sentences of a language, without addresses and code."""
    if submission.task.task_type in _CODE_TYPES and not submission.blocks:
        return []
    parts = _lines(submission.prose)
    return parts if sum(map(_letters, parts)) >= MIN_LETTERS else []


def _lines(text: str) -> list[str]:
    parts: list[str] = []
    short: list[str] = []
    gathered = 0
    for line in text[:100_000].split("\n"):
        if len(_SYMBOLS.findall(line[:MAX_PART_CHARS])) > 0.08 * len(line[:MAX_PART_CHARS]) and "|" not in line:
            continue
        part = _NOT_PROSE.sub(" ", line[:MAX_PART_CHARS]).strip(" #*->|")
        letters = _letters(part)
        if not letters:
            continue
        # Verses and items are too short to be judged one by one.
        short.append(part)
        gathered += letters
        if gathered >= 2 * MIN_PART_LETTERS:
            parts.append(" ".join(short))
            short, gathered = [], 0
        if len(parts) >= MAX_PARTS:
            return parts
    rest = " ".join(short)
    return [*parts, rest] if _letters(rest) >= MIN_PART_LETTERS else parts


def _wanted(submission: Submission, parts: list[str]) -> frozenset[str]:
    """The codes of the languages that will do; none if that cannot be told."""
    task = submission.task
    fields = [
        str(value).lower() for name, value in task.details.items()
        if name.lower().replace("-", "_") in _LANGUAGE_FIELDS
    ]  # fmt: skip
    named = {code for value in fields for code in _named(value)}
    named |= {value[:2] for value in fields if re.fullmatch(r"[a-z]{2}(?:[-_]\w{2,4})?", value)}
    description = task.description
    if asked := named or _asked_for(description.lower()):
        return _usable(asked)
    mentioned = set(_named(description.lower()))
    if is_plain_english(description) and all(map(is_plain_english, parts)):
        return frozenset()  # as nearly always, so that the detector is loaded only where it is needed
    texts = [description, task.code, *(v for v in task.details.values() if isinstance(v, str))]
    found = {
        language_of(part, POSSIBLE, MIN_ORDER_LETTERS)
        for text in texts
        for part in itertools.islice(_CLAUSE.findall(text[:20_000]), MAX_PARTS)
    }
    if not found - {""} and _TRANSLATES.search(description.lower()):
        return frozenset()
    if _TRANSLATES.search(description.lower()) and not mentioned:
        return frozenset()
    return _usable(mentioned | (found - {""})) if found - {""} else frozenset()


def _usable(codes: set[str]) -> frozenset[str]:
    """These codes with those of close languages; none if there is one that is not told apart."""
    if codes - set(_CODES) or "??" in codes:
        return frozenset()
    return frozenset(codes).union(*(group for group in _CLOSE if group & codes))


def _named(lower: str) -> list[str]:
    return [_code(match) for match in _NAME.finditer(lower[:20_000])]


def _code(match: re.Match[str]) -> str:
    name = match.lastgroup
    if name:
        return _CODES[int(name[1:])]
    return next(code for code, names in _NAMES.items() if re.fullmatch(names, match.group()))


def _asked_for(lower: str) -> set[str]:
    """The codes of the languages that an order names as those to write in."""
    if _BOTH.search(lower):
        return set()
    lower = lower[:20_000]
    into: set[str] = set()
    asked: set[str] = set()
    end = -1
    for match in _NAME.finditer(lower):
        before = lower[max(0, match.start() - 60) : match.start()]
        follows = end >= 0 and re.fullmatch(r"\W{0,3}(?:and|und|et|y|e|or|oder|ou|o|och|en|i|и)?\W{0,2}", lower[end : match.start()])
        if (follows or _BEFORE_NAME.search(before)) and _AFTER_NAME.match(lower, match.end()):
            asked.add(_code(match))
            end = match.end()
            if _TRANSLATES.search(before) or (_TRANSLATES.search(lower) and re.search(r"(?:\b(?:into|to|ins|vers|al|naar het|till)\s+\S{0,14}\s?|\bl['\u2019]|成)$", before)):
                into.add(_code(match))
            elif follows and into:
                into.add(_code(match))
    return into or asked


def is_plain_english(text: str) -> bool:
    """Whether a line is English beyond doubt, without loading the detector."""
    return text.isascii() and len(text.split()) >= 6 and is_english(text) and bool(
        re.search(r"\b(?:the|and|of|to|is|for|with|you|your|that|this|are|what|how|it|on|be)\b", text.lower())
    )


def language_of(text: str, sure: float = SURE, least: int = MIN_PART_LETTERS) -> str:
    """Return the code of the language of a line; empty if it is too short, or if that is unsure."""
    if _letters(text) < least:
        return ""
    sendable = text[:MAX_PART_CHARS].encode("utf-8", "replace").decode("utf-8")
    value: Any = _detector().compute_language_confidence_values(sendable)[0]
    return str(value.language.iso_code_639_1.name).lower() if value.value >= sure else ""


@functools.cache
def _detector() -> "LanguageDetector":
    """Load the models, once per process: 36 MB of memory and 0.4 s of CPU time when all are in use."""
    from lingua import IsoCode639_1, LanguageDetectorBuilder  # noqa: PLC0415 -- few orders need it

    codes = [getattr(IsoCode639_1, code.upper()) for code in _CODES if code != "??"]
    builder = LanguageDetectorBuilder.from_iso_codes_639_1(*codes)
    return builder.with_low_accuracy_mode().build()


def _letters(text: str) -> int:
    """Letters of a text; a Chinese or Japanese character stands for three."""
    return sum(3 if char >= "\u3040" else 1 for char in text if char.isalpha())


CHECKS: tuple[Check, ...] = (other_language,)
