"""A check for the error of a server or a program, handed in where the work should stand."""

import html
import re
from collections.abc import Iterator
from typing import Any

from aicity_fleet.team.gate.patterns import Finder, compile_fast
from aicity_fleet.team.gate.tool_calls import json_value
from aicity_fleet.team.gate.verdict import HARD, Check, Finding, Submission

MAX_PAGE_CHARS = 3000
"""What a reader of an error page sees is shorter, in characters."""

MAX_MESSAGE_CHARS = 700
"""The same for an error in plain text: a longer text that begins so is an article."""

MAX_OBJECT_CHARS = 4000
"""Longest error in JSON, in characters."""

MIN_TRACE_LINES = 3
"""Lines that a stack trace has at least."""

TRACE_SHARE = 0.6
"""Share of the lines that belong to a stack trace, if the text is one."""

HEADLINE_CHARS = 500
"""Where an error page names its error, in characters that are seen."""

_TAG = re.compile(r"<!--|<[/!?]?[a-zA-Z][^<>]{0,2000}>")
_HIDDEN = re.compile(r"<(?:style|script)\b", re.I)

_STATUS = (
    r"(?:400 bad request|401 (?:unauthorized|authorization required)|403 forbidden"
    r"|404 not found|405 method not allowed|408 request time-?out"
    r"|413 (?:request entity|payload) too large|429 too many requests"
    r"|500 internal server error|502 bad gateway|502 proxy error"
    r"|503 service (?:temporarily )?unavailable|504 gateway time-?out|52\d[: ]|error 1\d\d\d)"
)
_HEADLINE = compile_fast(
    rf"\b{_STATUS}"
    r"|\bbad gateway\b|\bgateway time-?out\b|\bservice (?:temporarily )?unavailable\b"
    r"|\binternal server error\b|\berror (?:code )?(?:4\d\d|5\d\d)\b"
    r"|\brequest (?:has been |was )?blocked\b|\baccess denied\b|\bray id\b"
    r"|\btoo many requests\b|\brate limit(?:ed| exceeded| reached)\b"
    r"|\bupstream (?:connect error|request timeout|connection)\b|\bno healthy upstream\b"
    r"|\bconnection (?:timed out|refused|reset)\b"
    r"|\bapplication error\b|\bsomething went wrong\b|\bthis site can['\u2019]t be reached\b"
    r"|\bchecking your browser\b|\bverify(?:ing)? you are (?:a )?human\b"
    r"|\battention required\b|\benable javascript and cookies\b|\bthe page (?:you (?:are"
    r"|were) looking for|cannot be)\b|\bpage not found\b|\bproxy error\b"
    r"|\b(?:website|site|server) is (?:offline|down|temporarily unavailable"
    r"|under maintenance)\b|\bthe requested url\b|\berror occurred while processing\b"
    r"|\bseite nicht gefunden\b|\bpage introuvable\b|\bpágina no encontrada\b"
    r"|\berreur interne\b|\binterner serverfehler\b|\bthis request could not be\b"
    r"|\brequest could not be satisfied\b|\bwe['\u2019]re sorry, but something\b"
)
_MESSAGE = re.compile(
    r"\W{0,6}(?:http/\d(?:\.\d)? [45]\d\d|(?:oops|whoops|sorry"
    r"|we['\u2019]re sorry)[!,.: ]{1,3}(?:but )?(?:something|an (?:unexpected )?error"
    r"|there was (?:an|a problem)|the (?:server|service|page))"
    r"|thread '[^'\n]{1,60}' panicked|unhandled (?:promise rejection|exception)"
    r"|exception in thread|traceback \(most recent|goroutine \d"
    rf"|(?:http )?{_STATUS}|(?:http|status|error|status code)[ :/]{{1,3}}(?:code )?[45]\d\d\b"
    r"|(?:\w{1,30}\.){0,4}\w{0,40}(?:error|exception)(?:: | - |\[)|(?:fatal|panic|fehler"
    r"|erreur|uncaught)\b[^\n]{0,20}: "
    r"|error (?:calling|while|during|in|from|processing|generating|connecting|code|\d)"
    r"|upstream (?:connect|request|server)|no healthy upstream"
    r"|internal server error|bad gateway|service (?:temporarily )?unavailable"
    r"|gateway time-?out|too many requests|rate limit"
    r"|request (?:failed|timed out|timeout|entity)|connection (?:timed out|refused|reset"
    r"|error)|failed to (?:fetch|connect|generate|load|parse|process)"
    r"|an (?:unexpected |internal )?error (?:has )?occurred"
    r"|access (?:to [^\n]{0,60} )?(?:is |was )?denied|something went wrong|(?:read"
    r"|connect(?:ion)?) time-?out|timeout\b|network error|access denied"
    r"|(?:this|the) (?:model|request|prompt|server)(?:['\u2019]s)? (?:maximum"
    r"|is (?:currently |temporarily )?(?:overloaded|unavailable)|failed|timed out"
    r"|has been blocked)"
    r"|(?:you exceeded|quota exceeded|insufficient_quota|context_length_exceeded)|curl: \(\d"
    r"|ssl(?:error|_error| error)|bash: |command not found|segmentation fault)"
)
_STATUS_LINE = re.compile(rf"^\W{{0,6}}{_STATUS}\W{{0,6}}$", re.M)
_ASKS_PAGE = Finder(r"\bpages?\b|\bhtml\b|\btemplates?\b|\bseite|página|\bpagina\b|ページ|页")
_ASKS_ERROR = Finder(
    r"\berrors?\b|\bmaintenance\b|\bunavailable\b|\bnot found\b|\boutage\b|\bfehler|erreur"
    r"|\b(?:4\d\d|5\d\d)\b|\bdenied\b|\bdowntime\b|\bwrong\b|\boffline\b|wartung"
)
_ASKS_OBJECT = Finder(
    r"\bjson\b|\bapi\b|\bresponse\b|\bbody\b|\bpayload\b|\bobject\b|problem\+|\bxml\b"
)
_ASKS_LOG = re.compile(
    r"\b(?:example|sample|realistic|fake|mock|dummy|fictional|fictitious|generate|produce"
    r"|invent|make up|write|create|simulate|reproduce)\w*\b[^.\n]{0,80}"
    r"(?:\bstack ?trace|\btracebacks?\b|\blogs?\b|\bcrash\b|\berror (?:message|output|text"
    r"|page)|\bconsole output|\bterminal\b|\bpanic\b|\bexception)"
)

_TRACE_LINE = re.compile(
    r"\s{0,20}(?:traceback \(most recent call last\)|file \"[^\"\n]{1,300}\", line \d"
    r"|at [\w$.<>\[\] ]{1,200}\(|at (?:async )?\S{1,200}:\d+(?::\d+)?\)?$|at \S{1,200} in \S"
    r"|\.\.\. \d+ more|caused by: |---> |unhandled exception|exception in thread"
    r"|goroutine \d+ \[|panic: |thread '[^'\n]{1,60}' panicked|from \S{1,200}:\d+:in "
    r"|#\d+ +\S{1,200}(?:\(\d+\))?:? |stack backtrace:"
    r"|\d+: +(?:0x[0-9a-f]+|\w+(?:::|\.))|(?:\w{1,40}\.){0,8}\w{0,60}(?:error|exception"
    r"|warning|interrupt|exit)\b(?::|$)|raise \w|during handling of the above"
    r"|the above exception was"
    r"|\S{1,200}\.(?:go|rs|py|js|ts|java|rb|php):\d+(?::\d+)?(?:\)?$|:? in | \+0x)|node:internal"
    r"|php fatal error|uncaught "
    r"|stack trace:|\[\w{1,12}\] (?:error|exception)|\^+$|~*\^[~^]*$|node\.js v\d+"
    r"|exit status \d+|process finished with exit code)"
)


def error_page(submission: Submission) -> Iterator[Finding]:
    """The error page of a proxy, an error object, or a stack trace is all that was handed in.

    Source: the pages that nginx, Apache, Cloudflare and AWS send, RFC 9457 (problem details), and what
    Python, Java, Node.js, Go and Rust print when a program dies.
    """
    text = submission.bare
    order = submission.task.description.lower()
    if (
        (_is_page(text) and not (_ASKS_PAGE.is_in(order) and _ASKS_ERROR.is_in(order)))
        or _is_object(text, order)
        or (_is_message(text) and not _ASKS_LOG.search(order) and not _asks_for_text(order, text))
        or (_is_trace(text) and not _ASKS_LOG.search(order))
    ):
        yield Finding(
            "error_page", "The text is an error message and not the work; hand in the work.", HARD
        )


def _asks_for_text(order: str, text: str) -> bool:
    """Whether an error is what the order is about: it names the same one, or asks for its wording."""
    match = _MESSAGE.match(text.lower())
    named = match.group().strip(" \t\n:-#*\"'") if match else ""
    asks = re.search(r"\berror (?:message|text|copy|state)s?\b|\bux copy\b|\bmicrocopy\b", order)
    is_article = len(text) > MAX_MESSAGE_CHARS // 4 and _ASKS_ERROR.is_in(order)
    return bool(asks) or is_article or (bool(named) and named in order)


def _is_page(text: str) -> bool:
    """Whether a text is a page in HTML or XML, or the text of one, that shows an error."""
    if not text.startswith("<"):
        return False
    if text.startswith("<?xml") or re.match(r"<Error>", text):
        return bool(
            re.search(r"<Code>\w{3,40}</Code>|<faultstring>|<errors?>", text[:MAX_PAGE_CHARS])
        )
    seen = " ".join(html.unescape(_TAG.sub(" ", _without_hidden(text))).split()).lower()
    return len(seen) <= MAX_PAGE_CHARS and bool(_HEADLINE.search(seen[:HEADLINE_CHARS]))


def _without_hidden(text: str) -> str:
    """The text without the contents of ``style`` and ``script``, in time linear in its length."""
    kept: list[str] = []
    lower = text.lower()
    at = 0
    while start := _HIDDEN.search(text, at):
        kept.append(text[at : start.start()])
        at = lower.find("</" + start.group()[1:].lower(), start.end())
        if at < 0:
            return "".join(kept)
    return "".join([*kept, text[at:]])


def _is_message(text: str) -> bool:
    if len(text) > MAX_MESSAGE_CHARS:
        return False
    return bool(_MESSAGE.match(text.lower()) or _STATUS_LINE.search(text.lower()))


_ENVELOPE = frozenset(
    """
    error errors message msg code status statuscode status_code detail details type title instance
    timestamp path requestid request_id trace traceid trace_id reason success ok fault faultstring
    error_description error_code errorcode errormessage error_message documentation_url retry_after param
    data result method exception stack hint cause description error_uri ray_id support_id innererror
    object loc msg domain metadata statustext response server version method url messages estimated_time
    """.split()  # noqa: SIM905 -- easier to read
)
_SIGN = re.compile(
    r"error|exception|fail|invalid|exceeded|denied|forbidden|unauthori|not found|timed? ?out"
    r"|unavailable|overloaded|rate.?limit|too many|\b[45]\d\d\b|quota|refused"
)


def _is_object(text: str, order: str) -> bool:
    """Whether a text is an error in JSON that nobody ordered.

    It has an error's usual fields and no others, or any fields if the order speaks of no such thing.
    """
    if len(text) > MAX_OBJECT_CHARS:
        return False
    value: Any = json_value(text)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict) or not value:
        return False
    asks_object = _ASKS_OBJECT.is_in(order)
    if asks_object and _ASKS_ERROR.is_in(order):
        return False
    names = {str(name).lower().replace("-", "_") for name in value}
    is_error = names <= _ENVELOPE or (not asks_object and bool(names & {"error", "errors"}))
    return is_error and bool(_SIGN.search(text.lower()))


def _is_trace(text: str) -> bool:
    """Whether most lines of a text are those of a stack trace."""
    lines = [line for line in text.lower().split("\n") if line.strip()][:400]
    least = max(MIN_TRACE_LINES, TRACE_SHARE * len(lines))
    found = 0
    for number, (before, line) in enumerate(zip(["", *lines], lines, strict=False)):
        if found + len(lines) - number < least:
            return False
        # Python prints the line of code below its place.
        is_quoted = before.lstrip().startswith('file "') and line.startswith(" ")
        found += bool(_TRACE_LINE.match(line)) or is_quoted
    return found >= least


CHECKS: tuple[Check, ...] = (error_page,)
