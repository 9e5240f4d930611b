"""Which programming language a block is in, and which one the order asks for.

No library is used: Pygments' ``guess_lexer`` took plain Go, Python, JavaScript, Rust, Java, SQL and
shell for other languages, all seven, when it was tried.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from aicity_fleet.team.gate.diffs import is_diff, new_side
from aicity_fleet.team.gate.markdown import Block

MAX_GUESSED_CHARS = 20_000
"""How much of a block is looked at, in characters from its start."""

MAX_GUESSED_LINE_CHARS = 200
"""The same of a line."""

MIN_SCORE = 2
"""A language has at least so many marks of its own in a block, or is not guessed."""

_LABELS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("python", "python3", "py", "ipython", "pycon"), "python"),
        **dict.fromkeys(("javascript", "js", "jsx", "mjs", "cjs", "node"), "javascript"),
        **dict.fromkeys(("typescript", "ts", "tsx", "mts", "cts"), "typescript"),
        **dict.fromkeys(("go", "golang"), "go"),
        **dict.fromkeys(("rust", "rs"), "rust"),
        **dict.fromkeys(("c", "h"), "c"),
        **dict.fromkeys(("cpp", "c++", "cxx", "cc", "hpp"), "c++"),
        **dict.fromkeys(("csharp", "c#", "cs"), "c#"),
        **dict.fromkeys(("ruby", "rb"), "ruby"),
        **dict.fromkeys(("kotlin", "kt", "kts"), "kotlin"),
        **dict.fromkeys(("sql", "postgresql", "postgres", "mysql", "sqlite", "plpgsql", "tsql"), "sql"),
        **dict.fromkeys(("sh", "bash", "shell", "zsh", "ksh"), "shell"),
        **dict.fromkeys(("powershell", "ps1", "pwsh"), "powershell"),
        **dict.fromkeys(("haskell", "hs"), "haskell"),
        **dict.fromkeys(("elixir", "ex", "exs"), "elixir"),
        **dict.fromkeys(("perl", "pl"), "perl"),
        **{name: name for name in ("java", "php", "swift", "r", "scala", "lua", "dart", "html")},
    }
)  # fmt: skip
"""By the first word behind a fence, or the ending of a file."""

_NAMES = (
    ("python", r"python ?[23]?(?:\.\d+)?"),
    ("javascript", r"javascript|node(?:\.?js)?|\bjs|ecmascript"),
    ("typescript", r"typescript"),
    ("go", r"golang|go"),
    ("rust", r"rust"),
    ("java", r"java(?: ?\d{1,2})?"),
    ("kotlin", r"kotlin"),
    ("c++", r"c\+\+(?:\d\d)?|cpp"),
    ("c#", r"c#|csharp|\.net"),
    ("c", r"(?:ansi )?c(?:89|99|11|17)?(?![+#\w'’])"),
    ("ruby", r"ruby"),
    ("php", r"php"),
    ("swift", r"swift"),
    ("sql", r"(?:postgre|my|t-|pl/)?sql(?:ite)?"),
    ("shell", r"bash|(?:posix )?shell|\bsh|zsh"),
    ("powershell", r"powershell"),
    ("scala", r"scala"),
    ("haskell", r"haskell"),
    ("elixir", r"elixir"),
    ("perl", r"perl"),
    ("lua", r"lua"),
    ("dart", r"dart"),
    ("r", r"r"),
)
_THINGS = (
    r"(?:function|script|program|class|module|code|implementation|librar(?:y|ies)|package|crate|cli|tests?"
    r"|unit tests?|snippet|version|tool|app|application|quer(?:y|ies)|solution|struct|generator|service|file"
    r"|one-?liner|decorator|component|handler|middleware|method|port|client|server|project|hook|parser)s?\b"
)
_END = r"(?![\w+#]|\.\w)"
_ASKED = {
    language: re.compile(
        rf"\b(?:in|into|to|using|with|auf|en|nach)\s{{1,3}}(?:(?:plain|pure|idiomatic|modern|vanilla|strict"
        rf"|strictly|only|safe|standard|our|the|an?)\s{{1,3}}){{0,3}}(?:{name}){_END}"
        rf"|(?<![\w.-])(?:{name})\s{{1,3}}(?!(?:through|over|ahead|back|deep|to|and|the|this|on|for)\b)(?:[\w-]{{1,20}}\s{{1,3}}){{0,2}}?{_THINGS}"
        rf"|\A\W{{0,3}}(?:{name})(?:\s?[:,–]| -)"
        rf"|\b(?:show|include|share|give|provide|attach)\s(?:me\s|us\s)?(?:the|your|all)\s(?:{name}){_END}",
        re.I,
    )
    for language, name in _NAMES
}
_C_BY_YEAR = re.compile(r"\b(?:ANSI C|C(?:89|99|11|17|23))\b")
_CONVERTS = re.compile(
    r"\b(?:port|translat\w+|convert\w*|rewrit\w+|migrat\w+|transpil\w+|re-?implement\w*|turn|transform)\b",
    re.I,
)
_TARGET = {
    language: re.compile(
        rf"\b(?:to|into|in|as)\s{{1,3}}(?:(?:plain|pure|idiomatic|modern|vanilla|strict|safe|standard|an?)"
        rf"\s{{1,3}}){{0,2}}(?:{name}){_END}",
        re.I,
    )
    for language, name in _NAMES
}
_MENTIONED = {
    language: re.compile(rf"(?<![\w.-])(?:{name}){_END}", re.I)
    for language, name in _NAMES
    if language not in {"c", "r", "go"}
}
_TOOLS = {
    language: re.compile(rf"\b(?:{words})\b", re.I)
    for language, words in {
        "python": "pytest|unittest|django|flask|fastapi|pandas|numpy|pydantic|docstrings?|pyspark|asyncio",
        "javascript": r"jest|vitest|mocha|express|react|vue|svelte|next\.js|npm|cypress|playwright|k6|jsdoc"
                      "|angular|nestjs",
        "java": "junit|javadoc|spring boot|mockito|maven",
        "kotlin": "jetpack compose|ktor|kotest",
        "swift": "swiftui|uikit|xctest",
        "c#": r"asp\.net|xunit|nunit|blazor|entity framework",
        "c++": "gtest|googletest|catch2",
        "ruby": "rspec|rails|minitest",
        "php": "phpunit|laravel|symfony|wordpress",
        "shell": "curl|bats|cron job",
        "go": r"goroutines?|testify|go\.mod|net/http",
        "rust": "cargo|tokio|serde",
    }.items()
}  # fmt: skip
"""What is written in one language: the order that names it names the language too."""

_MARKS = {
    "python": (r"^[ \t]*(?:async )?def \w+\(", r"^[ \t]*class \w+[^{;]*:[ \t]*$", r"^from [\w.]+ import ", r"\bself\.\w",
               r"^import [\w.]+(?: as \w+)?[ \t]*$", r"^[ \t]*(?:if|for|while|with|elif|except|try|else)\b[^{;]*:[ \t]*$",
               r"\bNone\b|\bTrue\b", r"^[ \t]*@pytest|__name__|\blen\("),
    "javascript": (r"\b(?:const|let|var) [\w{\[].*=", r"\bfunction\b\s*\w*\(", r"=>", r"\bconsole\.\w", r"\brequire\(",
                   r"\bmodule\.exports", r"^export (?:default|const|function|class|async)\b", r"[!=]==",
                   r"^import .* from ['\"]", r"\b(?:it|describe|test)\(['\"`]"),
    "typescript": (r":\s*(?:string|number|boolean|void|any|unknown|Promise<)", r"^[ \t]*(?:export )?interface \w+ \{",
                   r"^[ \t]*(?:export )?type \w+(?:<\w+>)? =", r"\bas (?:const|unknown|string)\b", r"\breadonly \w+"),
    "go": (r"^package \w+[ \t]*$", r"^func (?:\(\w+ \*?\w+\) )?\w+[\[(]", r":= ", r"^import \($|^import \"",
           r"\b(?:fmt|errors|strings|sync|http|time)\.[A-Z]", r"\berr != nil", r"\bdefer \w|\bchan \w|\bgo func",
           r"\*testing\.T"),
    "rust": (r"\bfn \w+[<(]", r"\blet (?:mut )?\w+(?:: [\w<>&]+)? =", r"^[ \t]*impl\b", r"\)\s*->\s*[\w<&(]", r"\b\w+!\(",
             r"^[ \t]*use \w+::", r"\bpub (?:fn|struct|enum|mod|trait)\b", r"\bmatch \w.*\{|\bSome\(|\bOk\(",
             r"^[ \t]*#\[\w+"),
    "java": (r"\bpublic (?:static |final |abstract )*(?:class|void|int|boolean|String|interface|record|enum)\b",
             r"\bSystem\.out\.", r"\bprivate (?:static |final )*[A-Z\w<>]+ \w+", r"^import (?:static )?(?:java|org|com)",
             r"@Override|@Test\b|@Autowired", r"^package [\w.]+;", r"\bnew [A-Z]\w*(?:<[\w, ]*>)?\(",
             r"\bthrows [A-Z]\w+"),
    "c#": (r"^[ \t]*using [A-Z][\w.]+;", r"^[ \t]*namespace [\w.]+", r"\bConsole\.Write", r"\basync Task\b", r"\{ get; ",
           r"\[(?:Fact|Test|HttpGet)", r"\bvar \w+ = new "),
    "c": (r"^#include <\w+\.h>", r"\bint main\(", r"\bf?printf\(", r"^(?:static )?(?:const )?(?:int|char|void|size_t|double"
          r"|unsigned|bool) \**\w+\(", r"\b(?:m|c|re)alloc\(|\bfree\(|\bmemcpy\(", r"\w->\w", r"^#define "),
    "c++": (r"\bstd::", r"^#include <(?:iostream|vector|string|map|memory|algorithm|unordered_map|optional)>",
            r"\bcout <<|\bcerr <<", r"^[ \t]*template ?<", r"^[ \t]*(?:public|private|protected):[ \t]*$", r"\bauto&? \w+"),
    "ruby": (r"^[ \t]*def (?:self\.)?\w+[?!]?(?:\([^)]*\))?[ \t]*$", r"^[ \t]*end[ \t]*$", r"\bputs ", r"\battr_(?:reader|accessor)",
             r"\bdo \|", r"^require(?:_relative)? ['\"]", r"@\w+ = ", r"\.each\b|\.nil\?"),
    "php": (r"<\?php", r"\$\w+ = ", r"\$this->", r"\bfunction \w*\([^)]*\$", r"\becho \$|^use [A-Z]\w*\\"),
    "shell": (r"^#!/\S*\b(?:ba|z|da|k)?sh\b|^#!/usr/bin/env (?:ba)?sh", r"^[ \t]*fi[ \t]*$", r"^[ \t]*done\b", r"^[ \t]*echo ",
              r"\"\$\{?\w+|\$[1@#?]", r"\[\[? .* \]\]?", r"^set -[eux]", r"; then[ \t]*$|; do[ \t]*$"),
    "sql": (r"(?i:^[ \t]*(?:select|insert into|create (?:or replace )?(?:table|index|unique index|view|function)|with \w+ as"
            r"|delete from|alter table)\b)", r"(?i:^[ \t]*update \w+\s+set\b)", r"(?i:^[ \t]*from \w+)",
            r"(?i:\b(?:where|group by|order by|(?:left|inner) join)\b)", r"(?i:\b(?:varchar|primary key|not null|count\(\*\)))"),
    "kotlin": (r"\bfun (?:<\w+> )?\w*\.?\w+\(", r"\bval \w+", r"\bdata class\b", r"\bwhen \(|\bwhen \{", r"\?: |\?\."),
    "swift": (r"\bfunc \w+\(.*->", r"\bguard let\b|\bif let\b", r"^import (?:Foundation|UIKit|SwiftUI|XCTest)",
              r"\b(?:var|let) \w+: [A-Z\[]"),
    "html": (r"(?i:<!doctype html|<html\b)", r"(?i:<(?:body|head|div|form|table|button|section)\b)"),
}  # fmt: skip
"""What a line of each language can show and few others do."""

_COMPILED = {
    language: tuple(re.compile(mark, re.M) for mark in marks) for language, marks in _MARKS.items()
}
_TYPED = _COMPILED["typescript"]
_QUERY = re.compile(r"\b(?:select\b[^;]{1,400}?\bfrom|insert into|create table)\b", re.I)


def language_of(block: Block) -> frozenset[str]:
    """Return the languages that a block can be; empty when there is no telling."""
    code = block.code
    if is_diff(block.language, code):
        path = re.search(r"^\+\+\+ \S{1,200}\.(\w{1,8})\b", code, re.M)
        if path and (known := _LABELS.get(path[1].lower())):
            return _kin(known, code)
        return guess(new_side(code))
    labelled = _LABELS.get(block.language)
    if block.language in {"vue", "svelte"}:
        return frozenset({"javascript", "typescript", "html"})
    if labelled:
        return _kin(labelled, code)
    return guess(code) if block.language in {"", "text", "plaintext", "code"} else frozenset()


def guess(code: str) -> frozenset[str]:
    """Return the languages that code can be by its looks; empty when there is no telling."""
    lines = (line[:MAX_GUESSED_LINE_CHARS] for line in code[:MAX_GUESSED_CHARS].split("\n"))
    looked_at = "\n".join(lines)
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
    return _kin(likely[0], looked_at) if len(likely) == 1 else frozenset()


def asked_languages(description: str) -> frozenset[str]:
    """Return the languages that an order asks for; of a conversion, the one to convert to."""
    if _CONVERTS.search(description):
        targets = {
            name for name, pattern in _TARGET.items() if _is_meant(name, pattern, description)
        }
        if targets:
            return frozenset(targets)
    asked = {name for name, pattern in _ASKED.items() if _is_meant(name, pattern, description)}
    return frozenset(asked | {"c"} if _C_BY_YEAR.search(description) else asked)


def mentioned_languages(description: str) -> frozenset[str]:
    """Return the languages that an order speaks of in any way."""
    named = {name for name, pattern in _MENTIONED.items() if pattern.search(description)}
    return frozenset(named | named_tools(description) | asked_languages(description))


def named_tools(text: str) -> set[str]:
    """Return the languages of the tools that an order names."""
    return {name for name, pattern in _TOOLS.items() if pattern.search(text)}


def converts(description: str) -> bool:
    """Whether an order asks for code in another language than it has now."""
    return bool(_CONVERTS.search(description))


def _is_meant(language: str, pattern: re.Pattern[str], text: str) -> bool:
    """Whether a language is named; the names that are words need their capital."""
    for match in pattern.finditer(text):
        if language not in {"go", "r", "c", "swift", "rust", "ruby", "dart"}:
            return True
        if language in {"rust", "ruby", "swift", "dart"} or re.search(
            r"\b(?:Golang|golang|GO|Go|ANSI C|C(?:89|99|11|17)?|R)\b|(?:in|to|into) (?:go|c)\b",
            match.group(),
        ):
            return True
    return False


def _kin(language: str, code: str) -> frozenset[str]:
    """A language, and others that the same code counts as."""
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
    if language != "sql" and _QUERY.search(code[:MAX_GUESSED_CHARS]):
        kin.add("sql")
    return frozenset(kin)
