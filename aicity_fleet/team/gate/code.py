"""Checks for the categories whose deliverable is code. Nothing is executed: code is only parsed."""

import re
from collections.abc import Iterator

from aicity_fleet.team.gate import demands, diffs, material, programming
from aicity_fleet.team.gate.fixes import is_same_code
from aicity_fleet.team.gate.language_looks import guess
from aicity_fleet.team.gate.patterns import Finder
from aicity_fleet.team.gate.stubs import count_stubs
from aicity_fleet.team.gate.syntax import MAX_READ_CHARS, syntax_fault
from aicity_fleet.team.gate.testing import asserts, edge_cases, ordered_tests_assert, tested
from aicity_fleet.team.gate.tool_calls import json_value
from aicity_fleet.team.gate.verdict import Check, Finding, Submission

MIN_EXPLANATION_CHARS = 80
"""Prose outside of code that counts as an explanation, in characters."""

MIN_CODE_NAMES = 8
"""With fewer names in the buyer's code, a deliverable need not take one up."""

MAX_OTHER_LANGUAGE_LINES = 3
"""Lines of code in the language that was asked for that are enough, whatever else is there."""

MIN_UNMATCHED = 3
"""Brackets without a partner in garbled code."""

MIN_DOUBLED = 3
"""Words that stand twice in a row in garbled code."""

_DOUBLED = re.compile(r"\b([a-zA-Z]\w*)[ \t]+\1\b|(?<=\s)(->|:=|=>|::)[ \t]+\2(?=\s)")
_QUOTED = re.compile(r"\"(?:\\.|[^\"\\\n])*+\"|'(?:\\.|[^'\\\n])*+'")
_BRACKET = re.compile(r"[()\[\]{}]")
_PYTHON_2 = re.compile(r"python ?2\b")
_CODE_LINE = re.compile(
    r"^\s*(?:def |class |import |from \w+ import|return\b|if .*:$|for .*[:{]$|while .*[:{]$"
    r"|(?:public|private|static|const|let|var|func|fn|function|package|#include|SELECT|CREATE)\b"
    r"|[\w.\[\]]+ ?[-+*/]?= ?\S|\w[\w.]*\(.*\);?$|[{}]\)?;?$|@\w+)"
)
_INLINE_CODE = re.compile(r"`[^`\n]{0,200}[^\w\s`][^`\n]{0,200}`")
_SETTING = re.compile(
    r"\s*(?:- )?[\w.\"'/-]{1,60}\s?[:=](?:\s*$|\s?\S{1,60}\s*$|\s?[\[{\"'])"
    r"|\s*(?:\[[\w. -]{1,60}\]|<[/!?\w][^\n]*>|[{}\]],?)\s*$"
    r"|\s*[#;] |\s*(?:FROM|RUN|COPY|WORKDIR|CMD|ENTRYPOINT|EXPOSE|ENV|USER|ARG|VOLUME) "
    r"|\s*[\w-]{1,30} [^.\n]{1,200}[;{]$"
    r"|\s*\$ \w|[*!/]?[\w.*/-]{1,60}/?$"
)
"""A line of JSON, YAML, TOML, INI, XML, a Dockerfile, nginx, a command or a list of patterns."""

_COMMAND = re.compile(
    r"\s*(?:\$ |> |sudo )?[a-z][\w./+-]{0,30} (?:[^\n]{0,400} )?"
    r"(?:--?[a-zA-Z][\w-]*(?:[ =]|$)|\|\|? [a-z]|&& |> ?/)"
)
_SYMBOL = re.compile(r"[{}()\[\]<>=|$\\/;\"`^~%&+*@#_-]")
_CODE_ALONE = Finder(
    r"\b(?:only|just|nothing but)\b[^.\n]{0,40}\b(?:code|diff|patch|function|file|script|quer(?:y|ies))\b"
    r"|\b(?:diff|patch|code|file) only\b|\b(?:no|without|skip)\b[^.\n]{0,20}\b(?:explanations?|prose"
    r"|comments?)\b"
)
_MAY_STAY = Finder(
    r"\b(?:if (?:there|it|any|needed|necessary)|whether|is there|are there|reformat\w*|comments?"
    r"|docstrings?"
    r"|document\w*|annotat\w*|indentation|whitespace|pep ?8|lint\w*|unchanged|as it is|verbatim)\b"
)
"""Orders whose answer may be the same code: they ask whether, or only for its looks."""

_NOT_THE_WORK = frozenset({"yaml", "yml", "json", "toml", "ini", "console", "output", "xml", "env"})


def has_code(submission: Submission) -> Iterator[Finding]:
    """A code deliverable holds code, fenced or bare.

    Source: docs.aicity.dev/docs/guides/disputes (``code_generation``: correctness, style, tests).
    """
    if any(block.code.strip() for block in submission.blocks):
        return
    lines = [line for line in submission.text.split("\n") if line.strip()]
    code_lines = sum(1 for line in lines if _CODE_LINE.match(line))
    if diffs.is_diff("", submission.text) or guess(submission.text):
        return
    if json_value(submission.text.strip()) is not None or _is_configuration(lines):
        return
    if _INLINE_CODE.search(submission.text) and not demands.is_unit_of_code(submission):
        return
    if submission.task.task_type == "testing" and demands.are_tests_in_words(submission):
        return
    if _is_command(lines):
        return
    if code_lines * 3 < len(lines) or not code_lines:
        is_enough = demands.is_answered_in_words(submission)
        yield Finding(
            "no_code",
            "There is no code; give it in fenced code blocks.",
            demands.USUAL if is_enough else 50,
        )


def _is_command(lines: list[str]) -> bool:
    """Whether a line is a command, a pattern or a formula: an option, a pipe, or many symbols."""
    return any(
        _COMMAND.match(line) or len(_SYMBOL.findall(line[:2_000])) * 6 > len(line[:2_000])
        for line in lines
        if not line.lstrip().startswith(("|", "-", "*", "#"))
    )


def _is_configuration(lines: list[str]) -> bool:
    """Whether most lines are settings, rows or markup."""
    return sum(bool(_SETTING.match(line)) for line in lines) * 2 > len(lines)


def parses(submission: Submission) -> Iterator[Finding]:
    """Every block that is marked as a language that can be read here is that language.

    Also an unmarked block that is Python by its looks, and what results from a diff of the buyer's code.

    Source: docs.aicity.dev/docs/getting-started/faq (builds and lint run on code work).
    """
    for number, block in enumerate(submission.blocks, start=1):
        if not block.is_closed or block.code.strip().lower() in submission.order:
            continue  # also where it quotes the order, such as the fault to fix
        language, code = block.language, block.code
        if diffs.is_diff(language, code):
            patched = diffs.apply(code, submission.task.code)
            code, language = patched or "", _label_of(submission.task.code)
        fault = syntax_fault(language, code)
        if fault is None or (fault.language == "Python" and _PYTHON_2.search(submission.order)):
            continue
        yield Finding(
            "syntax",
            f"Code block {number} is marked as {fault.language} and does not parse "
            f"(line {fault.line}).",
            40,
        )
        return


def in_language(submission: Submission) -> Iterator[Finding]:
    """Code is in the language that the order asks for, or else in that of the buyer's code.

    Code in another language is no delivery, however good it is. Any language that the order
    names will do, unless it asks to convert code to one.

    Source: docs.aicity.dev/docs/guides/disputes (``code_generation``: correctness).
    """
    description = material.request(submission)
    wanted = (
        programming.asked_languages(description)
        or programming.named_tools(description)
        or programming.of_compounds(description)
    )
    if not programming.converts(description):
        wanted = wanted | programming.mentioned_languages(description) if wanted else wanted
    if not wanted and submission.task.task_type in {"bug_fix", "testing"}:
        wanted = guess(material.buyer_code(submission))
    if not wanted:
        return
    lines_of = [
        (programming.language_of(block), sum(bool(line.strip()) for line in block.code.split("\n")))
        for block in submission.code_blocks
        if block.language not in _NOT_THE_WORK
    ]
    known = sum(lines for languages, lines in lines_of if languages)
    right = sum(lines for languages, lines in lines_of if languages & wanted)
    is_enough = right >= MAX_OTHER_LANGUAGE_LINES or right * 5 >= known
    unknown = sum(lines for languages, lines in lines_of if not languages)
    if known and not is_enough and (known > unknown or not right):
        yield Finding(
            "wrong_language", "The code is not in the programming language that was ordered.", 50
        )


def written_out(submission: Submission) -> Iterator[Finding]:
    """Functions have bodies, unless the order asks for a skeleton, an interface or the like.

    Source: docs.aicity.dev/docs/guides/disputes (``code_generation``: correctness).
    """
    if material.orders_skeleton(submission):
        return
    given = material.buyer_code(submission)
    functions = marked = hollow = read = 0
    for block in submission.code_blocks:
        read += len(block.code)
        if read > MAX_READ_CHARS:
            break
        if block.code.strip() and block.code.strip() in given:
            continue
        count = count_stubs(block.language, block.code)
        functions += count.functions
        marked += count.marked
        hollow += count.hollow
    if marked * 4 >= functions > 0 < marked or (marked + hollow) * 2 >= functions > 0:
        yield Finding("stubs", "Functions have no body; write out what was ordered.", 50)
    elif marked:
        yield Finding("some_stubs", "A function has no body; write it out.", 15)


def garbled(submission: Submission) -> Iterator[Finding]:
    """Code whose brackets close what was never opened, over and over, is none in any language.

    Source: docs.aicity.dev/docs/getting-started/faq (builds and lint run on code work).
    """
    for block in submission.code_blocks:
        if submission.blocks and diffs.is_diff(block.language, block.code):
            continue
        code = block.code[:MAX_READ_CHARS]
        if unmatched(code) >= MIN_UNMATCHED and len(_DOUBLED.findall(code)) >= MIN_DOUBLED:
            yield Finding("garbled", "The code makes no sense in any language; write it again.", 50)
            return


def unmatched(code: str) -> int:
    """Count the brackets that have no partner of their kind."""
    opened: list[str] = []
    bad = 0
    for char in _BRACKET.findall(_QUOTED.sub(" ", code)):
        if char in "([{":
            opened.append(char)
        elif opened and opened[-1] == {")": "(", "]": "[", "}": "{"}[char]:
            opened.pop()
        else:
            bad += 1
    return bad + len(opened)


def changed(submission: Submission) -> Iterator[Finding]:
    """A fix differs from the buyer's code by more than blanks and comments, and a diff is of that code.

    Source: docs.aicity.dev/docs/guides/disputes (actionable).
    """
    given = material.buyer_code(submission)
    if not given.strip() or not submission.blocks or _MAY_STAY.is_in(material.wish(submission)):
        return
    language = next(iter(guess(given)), "")
    judged = []
    for block in submission.blocks:
        if diffs.is_diff(block.language, block.code):
            judged.append(diffs.changed_lines(block.code) is not None)
            if not diffs.mentions(block.code, given):
                yield Finding("other_code", "The diff is not of the code in the order.", 35)
                return
        elif block.code.strip() and block.language not in _NOT_THE_WORK:
            own = next(iter(programming.language_of(block)), language)
            judged.append(not is_same_code(own, given, block.code))
    if judged and not any(judged):
        yield Finding("unchanged", "The code is the same as in the order; change it.", 50)


def concerns_code(submission: Submission) -> Iterator[Finding]:
    """What is written about code, or in its place, takes up a name of it.

    Source: aicity.dev/blog/when-agents-do-bad-work (real issues).
    """
    names = material.names_in(material.buyer_code(submission))
    words = material.subwords(names)
    if len(names) < MIN_CODE_NAMES or len(words) < MIN_CODE_NAMES:
        return
    text = submission.lower
    if not any(word in text for word in words):
        yield Finding("other_code", "The text does not take up the code in the order.", 35)


def _label_of(code: str) -> str:
    return next((name for name in guess(code) if name != "sql"), "")


def explained(submission: Submission) -> Iterator[Finding]:
    """A fix says what was wrong and what changed; a diff and comments say a part of it.

    Source: docs.aicity.dev/docs/guides/disputes (actionable; documentation).
    """
    if len(submission.prose.strip()) >= MIN_EXPLANATION_CHARS:
        return
    has_diff = any(diffs.is_diff(block.language, block.code) for block in submission.code_blocks)
    is_ordered = _CODE_ALONE.is_in(material.wish(submission))
    yield Finding(
        "no_explanation",
        "There is no explanation: say what was wrong and what changed.",
        15 if has_diff or is_ordered else _cost_of_explanation(submission),
    )


def _cost_of_explanation(submission: Submission) -> int:
    """A line will do; without a word, only an order for a short answer is met."""
    has_line = bool(submission.blocks) and bool(submission.prose.strip())
    is_short = demands.is_short(submission) or has_line or "\n" not in submission.bare
    return demands.USUAL if is_short else demands.ORDERED


def described(submission: Submission) -> Iterator[Finding]:
    """Code comes with a word on what it does and how to use it.

    Source: docs.aicity.dev/docs/guides/disputes (``testing``: documentation).
    """
    if len(submission.prose.strip()) < MIN_EXPLANATION_CHARS and "#" not in submission.text:
        yield Finding("no_description", "Say in a few sentences what the code does.", 10)


def where_code_is_ordered(check: Check) -> Check:
    """Return a check of code for the categories whose orders need not be for code."""

    def only_there(submission: Submission) -> Iterator[Finding]:
        if submission.blocks and (
            submission.task.code.strip()
            or material.orders_code(submission)
            or programming.asked_languages(material.request(submission))
        ):
            yield from check(submission)

    only_there.__doc__, only_there.__name__ = check.__doc__, check.__name__
    return only_there


GENERATION: tuple[Check, ...] = (
    *(has_code, parses, garbled, in_language, written_out, changed, ordered_tests_assert),
    *(tested, described),
)
BUG_FIX: tuple[Check, ...] = (
    *(has_code, parses, garbled, in_language, written_out, changed, concerns_code),
    ordered_tests_assert,
    explained,
)
TESTING: tuple[Check, ...] = (
    *(has_code, parses, in_language, written_out, concerns_code, asserts, edge_cases, described),
)
WITHIN: tuple[Check, ...] = tuple(map(where_code_is_ordered, (parses, in_language, written_out)))
"""For the other categories."""
