"""What an order demands beyond its category: a category's orders need not all be for its usual deliverable.

A security order can be for a checklist, a testing order for a test plan. A demand that the order does not
make in words costs less than the gap between a full score and the pass mark.
"""

import re

from aicity_fleet.team.gate.material import buyer_code, request, wish
from aicity_fleet.team.gate.patterns import Finder
from aicity_fleet.team.gate.verdict import Submission

ORDERED = 35
"""What a missing thing costs that the order asks for: it rejects."""

USUAL = 20
"""What it costs where the category only makes it likely: two of them reject, one does not."""

MAX_QUESTION_CHARS = 300
"""A longer order is no short question, in characters."""

_REVIEW = Finder(
    r"\breview\w*|\baudit\w*|\bpen-?test\w*|\bvulnerabilit\w+|\bscan\w*|\binspect\w*|\bfind(?:ings?)?\b"
    r"|\b(?:security|risk) (?:assessment|analysis|check)|\bassess\w*|\bwhat(?:['\u2019]s| is) wrong\b"
    r"|\bprüf\w*|\bbefund\w*|\bschwachstell\w+|\bbegutacht\w*|\brevue\b|\brelecture\b|\bfailles?\b"
    r"|\brevis[ai]\w*|\bvulnerabilidad\w*|\bauditor\w*|\brevisão|\bзамечани\w+|\bуязвимост\w+"
    r"|レビュー|审查|审计|漏洞|脆弱性"
)
_SEVERITY = Finder(
    r"\bseverit\w+|\bcritical\b|\bcvss\b|\b(?:risk|priority|threat) (?:level|rating|score)s?\b"
    r"|\brat(?:ed|ing)s?\b"
    r"|\brank\w*|\bschwere\w*|\bkritikalität|\bgravité|\bgravedad\b|\bseveridad\b|\bpriorit\w+"
)
_SOURCES = Finder(
    r"\bsources?\b|\bcit(?:e|ed|es|ing|ations?)\b|\breferences?\b|\breferenced\b|\bbibliograph\w+|\bliterature\b"
    r"|\bpapers?\b|\bstud(?:y|ies)\b|\bevidence\b|\bwith links\b|\bfootnotes?\b|\bresearch\b"
    r"|\breport\b|\bquelle\w*"
    r"|\bbelege?\b|\bliteratur\w*|\bfuentes?\b|\bbibliograf\w+|\breferências\b|\bfonti\b"
)
_NO_SOURCES = Finder(
    r"\b(?:no|without(?: any)?|not?|skip(?: the)?) (?:sources?|cit(?:ing|ations?)|references?"
    r"|bibliograph\w+|footnotes?|literature)\b|\bohne quellen|\bkeine quellen|\bsans sources?\b"
    r"|\bsin fuentes\b"
)
_MARK = re.compile(r"\?(?=[\s)\"\u201d]|\Z)|\uff1f")
_HOW = re.compile(r"\bhow (?:do|can|to|should|would|could)(?: (?:i|we|you|one))? \w{1,20}")
_MAKES = Finder(
    r"\b(?:write|create|implement|build|generate|fix|(?:can|could) you|please|refactor|port"
    r"|convert|rewrite|add|provide|make|code|schreib\w*|erstell\w*|beheb\w*|écri\w*|corrig\w*|escrib\w*|cre[ae]\w*|scriv\w*)\b"
)
_TEXT_OF_TESTS = Finder(
    r"\btest(?:ing)? (?:plans?|strateg\w+|charters?|protocols?|matrix|report|approach|concept"
    r"|cases? (?:in|as)"
    r" (?:a |an )?(?:table|list|words|text|plain|excel|markdown|prose))\b|\bmanual\b|\bgherkin\b"
    r"|\bcucumber\b|\bbdd\b"
    r"|\bscenarios?\b|\bchecklists?\b|\bexplorator\w+|\bacceptance (?:criteria|tests?)\b"
    r"|\bin words\b|\bno code\b"
    r"|\bwithout code\b|\bbug report\b|\bteststrategie|\btestplan|\btestkonzept"
    r"|\btestfälle\b(?![^.\n]*(?:pytest|junit"
    r"|jest|code))|\bcas de test\b|\bplan de (?:test|pruebas?|testes)\b|\bcasos de (?:prueba|teste)\b"
    r"|\bcheck ?lists?\b|\busability\b|\buat\b|\btest data\b|\btestdaten\b|\btest idea\w*"
    r"|\bequivalence class\w*"
    r"|\bdecision table|\bload test plan|\btable of\b|テスト計画|テストケース|测试计划|测试用例"
)
_CODE_OF_TESTS = Finder(
    r"\bpytest\b|\bunittest\b|\bjest\b|\bvitest\b|\bmocha\b|\bjunit\b|\bunit ?tests?\b"
    r"|\bplaywright\b|\bcypress\b"
    r"|\brspec\b|\bphpunit\b|\btestify\b|\bxunit\b|\bnunit\b|\b(?:write|add|code) (?:the |some "
    r"|more )?(?:\w+ )?tests\b"
    r"|\btest (?:file|class|module|function|suite)s?\b"
)
_QUESTION = re.compile(
    r"\b(?:how (?:do|can|to|would|should|does|is|many|much|long)|what|which|why|when|who|where|is"
    r"|are|does|do|can"
    r"|should|wie|was|welche\w*|warum|wann|wer|comment|quel\w*|pourquoi|qué|cuál|cómo|por qué)\b",
    re.I,
)
_BRIEF = Finder(
    r"\b(?:just|only) (?:the |a |an |one )?(?:\w+ ){0,2}?(?:command|answer|line|number|name|regex"
    r"|flag|value|sentence|link"
    r"|yes|no|json|file|code|table|config\w*)\b|\bin (?:one|a|1|two|2|three"
    r"|3) (?:\w+ )?(?:sentences?|lines?|words?"
    r"|paragraphs?)\b|\bshort(?:ly)?\b|\bbrief(?:ly)?\b|\bone[- ]liner\b|\bkurz\w*\b|\bnur\b"
    r"|\bseulement\b|\bsolo\b"
    r"|\bno (?:prose|explanations?|long \w+)\b|\bnothing else\b"
    r"|\b(?:line|command|answer|fix|word|number|formula|query) only\b"
    r"|\bcourte?\b|\bbref\b|\bbrève\w*|\bbreves?\b|\bresumid\w*|\bconcis\w+|\btl;?dr\b"
    r"|\b(?:one|two) lines?\b|\ben (?:une|deux|una|dos) (?:phrases?|frases?|lignes?)"
    r"|\b(?:max|up to|at most|under)\w*\.? \d{1,3} words\b"
)
_CODE_UNIT = Finder(
    r"\b(?:function|class|script|program|module|component|package|library|method|app|application|endpoint|api|server"
    r"|cli|bot|parser|service|decorator|hook|generator|algorithm|test|funktion|methode|klasse|skript|programm"
    r"|fonction|función|clase|função)s?\b"
)


def is_review(submission: Submission) -> bool:
    """Whether an order is for findings: about code that came with it, or in words."""
    return bool(buyer_code(submission).strip() or submission.task.repo) or _REVIEW.is_in(
        wish(submission)
    )


def of_severity(submission: Submission) -> int:
    """What it costs when findings have no severity: a review of code that came along has to rate them."""
    is_ordered = submission.task.code.strip() or _SEVERITY.is_in(wish(submission))
    return ORDERED if is_ordered else USUAL


def of_sources(submission: Submission) -> int:
    """What it costs when a text names no source."""
    if asks_for_sources(submission):
        return ORDERED
    return 10 if is_short(submission) else USUAL


def asks_for_sources(submission: Submission) -> bool:
    """Whether an order is for a text with sources."""
    wanted = wish(submission)
    return _SOURCES.is_in(wanted) and not _NO_SOURCES.is_in(wanted)


def is_short(submission: Submission) -> bool:
    """Whether an order asks a question, or asks for a short answer."""
    is_long = len(request(submission)) > MAX_QUESTION_CHARS
    return not is_long and (asks_question(submission) or _BRIEF.is_in(wish(submission)))


def asks_question(submission: Submission) -> bool:
    """Whether a sentence of an order is a question, and the order is not long."""
    description = request(submission)
    return len(description) <= MAX_QUESTION_CHARS and bool(_MARK.search(description))


def is_answered_in_words(submission: Submission) -> bool:
    """Whether an order asks a question, and not for code to be written."""
    return asks_question(submission) and not _MAKES.is_in(_HOW.sub("", wish(submission)))


def are_tests_in_words(submission: Submission) -> bool:
    """Whether a testing order is for a plan, scenarios or an answer, and not for code."""
    wanted = wish(submission)
    if _TEXT_OF_TESTS.is_in(wanted):
        return not _CODE_OF_TESTS.is_in(wanted) or "gherkin" in request(submission).lower()
    return is_answered_in_words(submission) and not submission.task.code.strip()


def is_unit_of_code(submission: Submission) -> bool:
    """Whether an order is for a function, a program or the like, and not a pattern, a command or data."""
    return _CODE_UNIT.is_in(wish(submission))
