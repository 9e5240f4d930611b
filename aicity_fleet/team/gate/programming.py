"""Which programming language a block is in, and which one the order asks for."""

import functools
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from aicity_fleet.team.gate.diffs import is_diff, new_side
from aicity_fleet.team.gate.language_looks import guess, kin_of
from aicity_fleet.team.gate.markdown import Block
from aicity_fleet.team.gate.patterns import folded

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
    ("c", r"(?:ansi )?c(?:89|99|11|17)?(?![+#\w'\u2019])"),
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
    r"(?:function|script|program|class|module|code|implementation|librar(?:y|ies)|package|crate|cli"
    r"|tests?"
    r"|unit tests?|snippet|version|tool|app|application|quer(?:y|ies)|solution|struct|generator"
    r"|service|file"
    r"|one-?liner|decorator|component|handler|middleware|method|port|client|server|project|hook"
    r"|parser)s?\b"
)
_END = r"(?![\w+#]|\.\w)"
_ASKED = {
    language: re.compile(
        rf"\b(?:in|into|to|using|with|auf|en|nach)\s{{1,3}}(?:(?:plain|pure|idiomatic|modern|vanilla"
        rf"|strict"
        rf"|strictly|only|safe|standard|our|the|an?)\s{{1,3}}){{0,3}}(?:{name}){_END}"
        rf"|(?<![\w.-])(?:{name})\s{{1,3}}(?!(?:through|over|ahead|back|deep|to|and|the|this|on"
        rf"|for)\b)(?:[\w-]{{1,20}}\s{{1,3}}){{0,2}}?{_THINGS}"
        rf"|\A\W{{0,3}}(?:{name})(?:\s(?:bitte|please|pls|svp|por favor))?(?:\s?[:,\u2013]| -)"
        rf"|\b(?:show|include|share|give|provide|attach)\s(?:me\s|us\s)?(?:the|your"
        rf"|all)\s(?:{name}){_END}",
        re.I,
    )
    for language, name in _NAMES
}
_FOREIGN_THINGS = (
    r"(?:funktion|methode|klasse|skript|programm|modul|code|anwendung|bibliothek|abfrage|test"
    r"|fonction|méthode|classe|programme|script|función|método|clase|programa|função|classe|funzione|metodo"
    r"|functie|klass?e|funktionen|extension|wrapper|util(?:ity)?|helper|macro|routine|record|enum|model|type"
    r"|example|sample)"
)
_COMPOUNDS = {
    language: re.compile(
        rf"(?<![\w.-])(?:{name})-(?:{_THINGS}|{_FOREIGN_THINGS})"
        rf"|\b{_FOREIGN_THINGS}s?\s{{1,3}}(?:(?:in|en|de|em|auf|di)\s{{1,3}})?(?:{name}){_END}"
        rf"|(?<![\w.-])(?:{name})\s{{1,3}}(?:[\w-]{{1,20}}\s{{1,3}}){{0,2}}?{_FOREIGN_THINGS}\b",
        re.I,
    )
    for language, name in _NAMES
    if language not in {"c", "r", "go", "sql", "shell"}
}
_C_BY_YEAR = re.compile(r"\b(?:ANSI C|C(?:89|99|11|17|23))\b")
_CONVERTS = re.compile(
    r"\b(?:port|translat\w+|convert\w*|rewrit\w+|migrat\w+|transpil\w+|re-?implement\w*|turn"
    r"|transform)\b",
    re.I,
)
_TARGET = {
    language: re.compile(
        rf"\b(?:to|into|in|as)\s{{1,3}}(?:(?:plain|pure|idiomatic|modern|vanilla|strict|safe"
        rf"|standard|an?)"
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
_TOOLS: Mapping[str, str] = MappingProxyType(
    {
        "python": "pytest|unittest|django|flask|fastapi|pandas|numpy|pydantic|docstrings?|pyspark|asyncio",
        "javascript": r"jest|vitest|mocha|express|react|vue|svelte|next\.js|npm|cypress|playwright"
                      r"|k6|jsdoc"
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
    }
)  # fmt: skip
"""What is written in one language: the order that names it names the language too."""

_TOOL = re.compile(rf"\b(?:{'|'.join(f'({tools})' for tools in _TOOLS.values())})\b")
_NAME = re.compile(rf"(?<!\w)(?:{'|'.join(f'({name})' for _, name in _NAMES)})(?!\w)", re.I)
"""Where a name stands by itself, which all patterns of languages demand."""


def language_of(block: Block) -> frozenset[str]:
    """Return the languages that a block can be; empty when there is no telling."""
    code = block.code
    if is_diff(block.language, code):
        path = re.search(r"^\+\+\+ \S{1,200}\.(\w{1,8})\b", code, re.M)
        if path and (known := _LABELS.get(path[1].lower())):
            return kin_of(known, code)
        return guess(new_side(code))
    labelled = _LABELS.get(block.language)
    if block.language in {"vue", "svelte"}:
        return frozenset({"javascript", "typescript", "html"})
    if labelled:
        return kin_of(labelled, code)
    return guess(code) if block.language in {"", "text", "plaintext", "code"} else frozenset()


@functools.lru_cache(maxsize=8)
def asked_languages(description: str) -> frozenset[str]:
    """Return the languages that an order asks for; of a conversion, the one to convert to."""
    if _CONVERTS.search(description):
        targets = {
            name for name in _named(description) if _is_meant(name, _TARGET[name], description)
        }
        if targets:
            return frozenset(targets)
    asked = {name for name in _named(description) if _is_meant(name, _ASKED[name], description)}
    return frozenset(asked | {"c"} if _C_BY_YEAR.search(description) else asked)


def of_compounds(description: str) -> frozenset[str]:
    """Return the languages that an order names in a compound, such as "C#-Methode", or beside a thing."""
    return frozenset(_found(_COMPOUNDS, description))


def mentioned_languages(description: str) -> frozenset[str]:
    """Return the languages that an order speaks of in any way."""
    named = {*_found(_MENTIONED, description), *named_tools(description)}
    return asked_languages(description) | named


def named_tools(text: str) -> set[str]:
    """Return the languages of the tools that an order names."""
    languages = tuple(_TOOLS)
    return {languages[(match.lastindex or 1) - 1] for match in _TOOL.finditer(folded(text))}


def converts(description: str) -> bool:
    """Whether an order asks for code in another language than it has now."""
    return bool(_CONVERTS.search(description))


@functools.lru_cache(maxsize=8)
def _named(text: str) -> frozenset[str]:
    """The languages whose name stands in a text, in whatever sense."""
    return frozenset(_NAMES[(match.lastindex or 1) - 1][0] for match in _NAME.finditer(text))


def _found(patterns: Mapping[str, re.Pattern[str]], text: str) -> Iterator[str]:
    return (name for name in _named(text) if name in patterns and patterns[name].search(text))


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
