"""Checks for the categories whose deliverable is a text."""

import re
from collections.abc import Iterator

from aicity_fleet.team.gate import demands
from aicity_fleet.team.gate.code import WITHIN, concerns_code
from aicity_fleet.team.gate.figures import figures_follow
from aicity_fleet.team.gate.language import extent
from aicity_fleet.team.gate.markdown import count_headings, count_list_items
from aicity_fleet.team.gate.patterns import Finder
from aicity_fleet.team.gate.sources import real_sources, real_sources_where_ordered
from aicity_fleet.team.gate.verdict import Check, Finding, Submission

MIN_REPORT_CHARS = 400
"""Length below which a report counts as thin, in characters."""

MIN_CONTENT_CHARS = 200
"""Length below which written content counts as thin, in characters."""

MIN_ANSWER_CHARS = 60
"""Length below which any answer counts as thin, in characters."""

MIN_NUMBERS = 3
"""Numbers that an analysis has at least."""

MIN_ORDER_WORDS = 4
"""With fewer significant words in the order, relevance cannot be judged."""

_SOURCES = Finder(
    r"https?://\w|\bdoi:|\barxiv\b|\(\w[^()\n]{0,60}\b(?:19|20)\d\d\)"
    r"|\baccording to (?:the )?\w{3}|\bfrom (?:general|own|prior) knowledge\b"
    # a heading or a label, with something named below or behind it
    r"|(?<![^\n])(?:#{1,6} |\*\*|__)[^\n]{0,60}\b(?:sources?|references|bibliography"
    r"|literature)\b[^\n]{0,60}\n+[^#\n]*\w{3}"
    r"|\brfc ?\d{3,5}\b|\biso(?:/iec)? ?\d{3,6}\b|\bsection \d+\.\d|\bart(?:icle|\.) ?\d"
    # an official number or name in running text
    r"|\b(?:din|en|iec|ieee|nist(?: sp)?|ansi|itu|etsi|w3c|bsi|astm|fips|pep|cve|celex|§§?"
    r"|bgb|gg|gdpr|usc|cfr)"
    r"[ -]?\d|\b\d{1,3} (?:u\.?s\.?c|c\.?f\.?r)\b|§|\b(?:regulation|directive|act|convention|treaty)\b"
    r" ?(?:\(\w{1,4}\) )?(?:no\.? ?)?\d|\b(?:journal|proceedings|annals|review|transactions) of\b"
    r"|\b(?:eurostat|destatis|oecd|who|imf|ipcc|world bank|cochrane|pubmed|unesco|nasa|noaa|fao|iea"
    r"|ecb|census|statistics|federal|ministry|institute|agency|commission|bureau|society|association"
    r"|university|consortium|documentation|man page|manual|specification)\b"
    r"|\bsources?\b(?:\*{0,2}:|: ?\*{0,2}) ?\S*\w{3}"
)
_NAME_AND_YEAR = re.compile(
    r"\b[A-Z][^\W\d_]{2,30}(?:,| et al\.?)?[^.\n]{0,160}[ (,*:\u2013-](?:19|20)\d\d(?i:[a-z])?\b"
)
"""A name or "a title" before a year, in running text."""

_METHOD = Finder(
    r"\bmethod\w*|\bapproach\b|\bcomput\w+|\bcalculat\w+|\bassum\w+|\bsampl\w+|\bmean\b|\bmedian\b"
    r"|\baverage\b|\bregression\b|\bfilter\w*|\baggregat\w+|\bgrouped\b|\bsteps?\b"
)
_SHOWS_DATA = Finder(
    r"(?<![^\n])[ \t]*\|.*\|[ \t]*(?![^\n])|\bchart\b|\bplot\b|\bfigure\b|\btable\b|```"
)
_SAFETY = Finder(
    r"\bsecur\w+|\bsecrets?\b|\bpermission\w*|\bleast privilege\b|\brollback\b|\broll back\b"
    r"|\bhealth ?check\w*|\bretr(?:y|ies)\b|\bbackup\w*|\bmonitor\w*|\balert\w*"
)
_USE = Finder(r"\buser\w*|\baccessib\w+|\bcontrast\b|\bresponsive\b|\blayout\b|\bflow\w*")
_TRANSLATION = Finder(r"\btranslat|\blocali[sz]|\bübersetz|\btradu|\bvertal|перев|翻译|翻訳|번역")
_NUMBER = re.compile(r"\d[\d.,%]*")
_WORD = re.compile(r"[^\W\d_]{5,30}")
_STOP_WORDS = frozenset(
    """
    about above after again against along among another around because before being below
    between could describe during every following given great having including should their
    there these thing those three through under until using which while whose within without
    would write please provide create produce make need needs wanted
    """.split()  # noqa: SIM905 -- a list of one word per line is no easier to read
)


def _is_brief(submission: Submission) -> bool:
    """Whether a text of a few words answers a short order."""
    return demands.is_short(submission) and extent(submission.text) < MIN_CONTENT_CHARS


def thin_answer(submission: Submission) -> Iterator[Finding]:
    """An answer of a line or two.

    Source: docs.aicity.dev/docs/guides/disputes (``general``: completeness).
    """
    if extent(submission.text.strip()) < MIN_ANSWER_CHARS and not demands.is_short(submission):
        yield Finding("thin", "The answer is very short; cover everything that was asked.", 20)


def thin_content(submission: Submission) -> Iterator[Finding]:
    """Content that hardly is one.

    Source: docs.aicity.dev/docs/guides/disputes (``content_creation``: clarity, structure).
    """
    if extent(submission.text.strip()) < MIN_CONTENT_CHARS and not demands.is_short(submission):
        yield Finding("thin", "The text is very short; write it out.", 20)


def thin_report(submission: Submission) -> Iterator[Finding]:
    """A report without depth.

    Source: docs.aicity.dev/docs/guides/disputes (``research``: depth).
    """
    if extent(submission.text.strip()) < MIN_REPORT_CHARS and not demands.is_short(submission):
        yield Finding("thin", "The report is short; go into depth.", 20)


def structured(submission: Submission) -> Iterator[Finding]:
    """Headings, lists or paragraphs, of what is longer than a few sentences.

    Source: docs.aicity.dev/docs/guides/disputes (``content_creation``: structure).
    """
    text = submission.text
    paragraphs = [part for part in text.split("\n\n") if part.strip()]
    if extent(text.strip()) < MIN_CONTENT_CHARS:
        return
    if not count_headings(text) and count_list_items(text) < 2 and len(paragraphs) < 2:
        yield Finding("no_structure", "Divide the text with headings or paragraphs.", 5)


def headed(submission: Submission) -> Iterator[Finding]:
    """A report has headings.

    Source: docs.aicity.dev/docs/guides/disputes (``research``, ``design``: structure).
    """
    if not count_headings(submission.text) and not demands.is_short(submission):
        yield Finding("no_headings", "Divide the report with headings.", 5)


def sourced(submission: Submission) -> Iterator[Finding]:
    """Research says where its claims come from.

    Source: docs.aicity.dev/docs/guides/disputes (``research``: sources).
    """
    text = submission.passage(submission.text)
    has_source = _SOURCES.is_in(text.folded) or _NAME_AND_YEAR.search(text.text)
    if submission.is_english and not has_source:
        yield Finding(
            "no_sources",
            "Name the sources, or say where each claim comes from.",
            demands.of_sources(submission),
        )


def quantified(submission: Submission) -> Iterator[Finding]:
    """An analysis holds numbers.

    Source: docs.aicity.dev/docs/guides/disputes (``data_analysis``: accuracy).
    """
    found = len(_NUMBER.findall(submission.text))
    if found >= MIN_NUMBERS or (found and _is_brief(submission)):
        return
    has_data = len(_NUMBER.findall(submission.order)) >= MIN_NUMBERS
    yield Finding(
        "no_numbers",
        "Give the numbers that the analysis rests on.",
        demands.ORDERED if has_data or not demands.is_short(submission) else demands.USUAL,
    )


def methodical(submission: Submission) -> Iterator[Finding]:
    """An analysis says how it was done, and shows its data.

    Source: docs.aicity.dev/docs/guides/disputes (``data_analysis``: methodology, charts).
    """
    text = submission.passage(submission.text).folded
    if submission.is_english and not _METHOD.is_in(text):
        yield Finding("no_method", "Say how the numbers were obtained.", 20)
    if not _SHOWS_DATA.is_in(text):
        yield Finding("no_table", "Show the data in a table or chart.", 5)


def usable(submission: Submission) -> Iterator[Finding]:
    """A design speaks of the people who use it.

    Source: docs.aicity.dev/docs/guides/disputes (``design``: usability).
    """
    if submission.is_english and not _USE.is_in(submission.passage(submission.text).folded):
        yield Finding("no_usability", "Say how people use it, and how it stays accessible.", 10)


def operable(submission: Submission) -> Iterator[Finding]:
    """Operations work shows its configuration and speaks of security and failure.

    Source: docs.aicity.dev/docs/guides/disputes (``devops``: reliability, security, documentation).
    """
    if not submission.blocks:
        yield Finding("no_configuration", "Give the configuration or commands in code blocks.", 20)
    if submission.is_english and not _SAFETY.is_in(submission.passage(submission.text).folded):
        yield Finding("no_safety", "Cover secrets, permissions, health checks and rollback.", 15)


def relevant(submission: Submission) -> Iterator[Finding]:
    """The text takes up words of the order, where both are in one language.

    Source: docs.aicity.dev/docs/guides/disputes (``general``, ``research``: relevance).
    """
    order, text = map(submission.passage, (submission.task.description, submission.text))
    words: set[str] = set()
    for word in map(re.Match.group, _WORD.finditer(order.lower[:20_000])):
        if word not in _STOP_WORDS and word[:6] in text.lower:
            return
        words.add(word)
    if len(words - _STOP_WORDS) < MIN_ORDER_WORDS:
        return
    if order.is_english == text.is_english and not _TRANSLATION.is_in(order.folded):
        yield Finding("irrelevant", "The text does not take up what the order is about.", 25)


DATA_ANALYSIS: tuple[Check, ...] = (quantified, methodical, figures_follow, structured, *WITHIN)
CONTENT: tuple[Check, ...] = (thin_content, structured, relevant, real_sources_where_ordered)
RESEARCH: tuple[Check, ...] = (sourced, real_sources, headed, thin_report, relevant)
DESIGN: tuple[Check, ...] = (structured, usable, thin_content, relevant)
DEVOPS: tuple[Check, ...] = (operable, structured, *WITHIN)
GENERAL: tuple[Check, ...] = (
    *(thin_answer, relevant, concerns_code, real_sources_where_ordered, *WITHIN),
)
