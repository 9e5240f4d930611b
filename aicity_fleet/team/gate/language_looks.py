"""Which programming language code is in by its looks.

No library is used: Pygments' ``guess_lexer`` took plain Go, Python, JavaScript, Rust, Java, SQL and
shell for other languages, all seven, when it was tried.
"""

import functools
import re

from aicity_fleet.team.gate.patterns import Finder, folded

MAX_GUESSED_CHARS = 20_000
"""How much of a block is looked at, in characters from its start."""

MAX_GUESSED_LINE_CHARS = 200
"""The same of a line."""

MIN_SCORE = 2
"""A language has at least so many marks of its own in a block, or is not guessed."""

_MARKS = {
    "python": (
        r"^[ \t]*(?:async )?def \w+\(",
        r"^[ \t]*class \w+[^{;]*:[ \t]*$",
        r"^from [\w.]+ import ",
        r"\bself\.\w",
        r"^import [\w.]+(?: as \w+)?[ \t]*$",
        r"^[ \t]*(?:if|for|while|with|elif|except|try|else)\b[^{;]*:[ \t]*$",
        r"\bNone\b|\bTrue\b",
        r"^[ \t]*@pytest|__name__|\blen\(",
    ),
    "javascript": (
        r"\b(?:const|let|var) [\w{\[].*=",
        r"\bfunction\b\s*\w*\(",
        r"=>",
        r"\bconsole\.\w",
        r"\brequire\(",
        r"\bmodule\.exports",
        r"^export (?:default|const|function|class|async)\b",
        r"[!=]==",
        r"^import .* from ['\"]",
        r"\b(?:it|describe|test)\(['\"`]",
    ),
    "typescript": (
        r":\s*(?:string|number|boolean|void|any|unknown|Promise<)",
        r"^[ \t]*(?:export )?interface \w+ \{",
        r"^[ \t]*(?:export )?type \w+(?:<\w+>)? =",
        r"\bas (?:const|unknown|string)\b",
        r"\breadonly \w+",
    ),
    "go": (
        r"^package \w+[ \t]*$",
        r"^func (?:\(\w+ \*?\w+\) )?\w+[\[(]",
        r":= ",
        r"^import \($|^import \"",
        r"\b(?:fmt|errors|strings|sync|http|time)\.[A-Z]",
        r"\berr != nil",
        r"\bdefer \w|\bchan \w|\bgo func",
        r"\*testing\.T",
    ),
    "rust": (
        r"\bfn \w+[<(]",
        r"\blet (?:mut )?\w+(?:: [\w<>&]+)? =",
        r"^[ \t]*impl\b",
        r"\)\s*->\s*[\w<&(]",
        r"\b\w+!\(",
        r"^[ \t]*use \w+::",
        r"\bpub (?:fn|struct|enum|mod|trait)\b",
        r"\bmatch \w.*\{|\bSome\(|\bOk\(",
        r"^[ \t]*#\[\w+",
    ),
    "java": (
        r"\bpublic (?:static |final |abstract )*(?:class|void|int|boolean|String|interface|record"
        r"|enum)\b",
        r"\bSystem\.out\.",
        r"\bprivate (?:static |final )*[A-Z\w<>]+ \w+",
        r"^import (?:static )?(?:java|org|com)",
        r"@Override|@Test\b|@Autowired",
        r"^package [\w.]+;",
        r"\bnew [A-Z]\w*(?:<[\w, ]*>)?\(",
        r"\bthrows [A-Z]\w+",
    ),
    "c#": (
        r"^[ \t]*using [A-Z][\w.]+;",
        r"^[ \t]*namespace [\w.]+",
        r"\bConsole\.Write",
        r"\basync Task\b",
        r"\{ get; ",
        r"\[(?:Fact|Test|HttpGet)",
        r"\bvar \w+ = new ",
    ),
    "c": (
        r"^#include <\w+\.h>",
        r"\bint main\(",
        r"\bf?printf\(",
        r"^(?:static )?(?:const )?(?:int|char|void|size_t|double"
        r"|unsigned|bool) \**\w+\(",
        r"\b(?:m|c|re)alloc\(|\bfree\(|\bmemcpy\(",
        r"\w->\w",
        r"^#define ",
    ),
    "c++": (
        r"\bstd::",
        r"^#include <(?:iostream|vector|string|map|memory|algorithm|unordered_map|optional)>",
        r"\bcout <<|\bcerr <<",
        r"^[ \t]*template ?<",
        r"^[ \t]*(?:public|private|protected):[ \t]*$",
        r"\bauto&? \w+",
    ),
    "ruby": (
        r"^[ \t]*def (?:self\.)?\w+[?!]?(?:\([^)]*\))?[ \t]*$",
        r"^[ \t]*end[ \t]*$",
        r"\bputs ",
        r"\battr_(?:reader|accessor)",
        r"\bdo \|",
        r"^require(?:_relative)? ['\"]",
        r"@\w+ = ",
        r"\.each\b|\.nil\?",
    ),
    "php": (
        r"<\?php",
        r"\$\w+ = ",
        r"\$this->",
        r"\bfunction \w*\([^)]*\$",
        r"\becho \$|^use [A-Z]\w*\\",
    ),
    "shell": (
        r"^#!/\S*\b(?:ba|z|da|k)?sh\b|^#!/usr/bin/env (?:ba)?sh",
        r"^[ \t]*fi[ \t]*$",
        r"^[ \t]*done\b",
        r"^[ \t]*echo ",
        r"\"\$\{?\w+|\$[1@#?]",
        r"\[\[? .* \]\]?",
        r"^set -[eux]",
        r"; then[ \t]*$|; do[ \t]*$",
    ),
    "sql": (
        r"(?i:^[ \t]*(?:select|insert into|create (?:or replace )?(?:table|index|unique index|view"
        r"|function)|with \w+ as"
        r"|delete from|alter table)\b)",
        r"(?i:^[ \t]*update \w+\s+set\b)",
        r"(?i:^[ \t]*from \w+)",
        r"(?i:\b(?:where|group by|order by|(?:left|inner) join)\b)",
        r"(?i:\b(?:varchar|primary key|not null|count\(\*\)))",
    ),
    "kotlin": (
        r"\bfun (?:<\w+> )?\w*\.?\w+\(",
        r"\bval \w+",
        r"\bdata class\b",
        r"\bwhen \(|\bwhen \{",
        r"\?: |\?\.",
    ),
    "swift": (
        r"\bfunc \w+\(.*->",
        r"\bguard let\b|\bif let\b",
        r"^import (?:Foundation|UIKit|SwiftUI|XCTest)",
        r"\b(?:var|let) \w+: [A-Z\[]",
    ),
    "html": (
        r"(?i:<!doctype html|<html\b)",
        r"(?i:<(?:body|head|div|form|table|button|section)\b)",
    ),
}
"""What a line of each language can show and few others do."""

_COMPILED = {
    language: tuple(re.compile(mark, re.M) for mark in marks) for language, marks in _MARKS.items()
}
_TYPED = _COMPILED["typescript"]
_QUERY = Finder(r"\b(?:select\b[^;]{1,400}?\bfrom|insert into|create table)\b")


def guess(code: str) -> frozenset[str]:
    """Return the languages that code can be by its looks; empty when there is no telling."""
    lines = (line[:MAX_GUESSED_LINE_CHARS] for line in code[:MAX_GUESSED_CHARS].split("\n"))
    return _guess("\n".join(lines))


@functools.lru_cache(maxsize=8)
def _guess(looked_at: str) -> frozenset[str]:
    scores = {
        language: sum(bool(mark.search(looked_at)) for mark in marks)
        for language, marks in _COMPILED.items()
    }
    if scores["typescript"]:
        scores["typescript"] += scores["javascript"]
    if scores["c++"]:
        scores["c++"] += scores["c"]
    best = max(scores.values())
    if best < MIN_SCORE:
        return frozenset()
    likely = [language for language, score in scores.items() if score == best]
    return kin_of(likely[0], looked_at) if len(likely) == 1 else frozenset()


def kin_of(language: str, code: str) -> frozenset[str]:
    """Return a language, and others that the same code counts as."""
    kin = {language}
    if language == "typescript" or (
        language == "javascript" and any(mark.search(code[:MAX_GUESSED_CHARS]) for mark in _TYPED)
    ):
        kin |= {"javascript", "typescript"}
    if language == "html":
        kin |= {"javascript"} if "<script" in code.lower() else set()
        kin |= {"php"} if "<?php" in code else set()
    if language in {"c", "c++"}:
        is_both = language == "c" or "std::" not in code
        kin |= {"c", "c++"} if is_both else set()
    if language != "sql" and _QUERY.is_in(folded(code[:MAX_GUESSED_CHARS])):
        kin.add("sql")
    return frozenset(kin)
