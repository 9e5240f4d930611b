"""A program of its own: reads JavaScript and TypeScript files and prints what is wrong as JSON.

``javascript`` starts it, confined. It imports tree-sitter and the standard library alone; the parser is C
code, and a stranger's files may be long and many, which is why none of them is read within a worker. What
the gate reads there are short blocks of a deliverable, see ``team/gate/syntax.py``.

    javascript_reader.py FILE [FILE ...]      prints [[file, line, rule, message], ...]
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import tree_sitter_javascript
import tree_sitter_typescript
from tree_sitter import Language, Node, Parser, Tree

MAX_FILE_FINDINGS = 50
"""Most findings of one file."""

GRAMMARS = {
    "javascript": tree_sitter_javascript.language,
    "typescript": tree_sitter_typescript.language_typescript,
    "tsx": tree_sitter_typescript.language_tsx,
}
BY_SUFFIX = {
    **dict.fromkeys((".js", ".jsx", ".mjs", ".cjs"), ("javascript",)),
    **dict.fromkeys((".ts", ".mts", ".cts"), ("typescript",)),
    ".tsx": ("tsx",),
}
"""Which grammars to try; the first without an error counts, or the last one."""

Finding = tuple[int, str, str]
"""Line, rule and message."""


def main(paths: list[str]) -> None:
    """Read every file and print all findings."""
    parsers = {name: Parser(Language(grammar())) for name, grammar in GRAMMARS.items()}
    findings = [(path, *finding) for path in paths for finding in read(Path(path), parsers)]
    print(json.dumps(findings))  # noqa: T201 -- it is what this program is for


def read(path: Path, parsers: dict[str, Parser]) -> list[Finding]:
    """Return what is wrong with one file."""
    source = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for grammar in BY_SUFFIX.get(path.suffix, ("javascript", "typescript", "tsx")):
        tree = parsers[grammar].parse(source)
        if not tree.root_node.has_error:
            break
    findings: list[Finding] = []
    for finding in find(tree):
        findings.append(finding)
        if len(findings) == MAX_FILE_FINDINGS:
            break
    return findings


def find(tree: Tree) -> Iterator[Finding]:
    """Walk over the tree, however deep it is, and say what is wrong."""
    cursor = tree.walk()
    while True:
        node = cursor.node
        assert node is not None  # noqa: S101 -- a walk begins at the root
        if node.is_error or node.is_missing:
            what = f"{node.type} is missing" if node.is_missing else "this cannot be read"
            yield _line(node), "syntax", f"Syntax error: {what}."
        elif node.is_named and (check := CHECKS.get(node.type)) is not None:
            for rule, message in check(node):
                yield _line(node), rule, message
        # What stands within an error is a guess of the parser's.
        if not node.is_error and cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def _line(node: Node) -> int:
    return node.start_point[0] + 1


def _text(node: Node | None, longest: int = 80) -> str:
    """Return the source of a node where it is short."""
    if node is None or node.end_byte - node.start_byte > longest or node.text is None:
        return ""
    return node.text.decode("utf-8", "replace")


def _called(node: Node) -> str:
    """Return the name of the function or method that is called."""
    function = node.child_by_field_name("function") or node.child_by_field_name("constructor")
    if function is not None and function.type == "member_expression":
        function = function.child_by_field_name("property")
    return _text(function)


def _first_argument(node: Node) -> Node | None:
    arguments = node.child_by_field_name("arguments")
    return (
        arguments.named_child(0) if arguments is not None and arguments.named_child_count else None
    )


def _is_made_of_parts(node: Node | None) -> bool:
    """Whether a text is put together from values: a template with holes, or a sum."""
    if node is None:
        return False
    if node.type == "template_string":
        return any(child.type == "template_substitution" for child in node.named_children)
    return node.type == "binary_expression" and _text(node.child_by_field_name("operator")) == "+"


def _is_text(node: Node | None) -> bool:
    return node is not None and node.type in {"string", "template_string"}


def _call(node: Node) -> Iterator[tuple[str, str]]:
    name, first = _called(node), _first_argument(node)
    function = node.child_by_field_name("function")
    is_method = function is not None and function.type == "member_expression"
    if name == "eval" and not is_method:
        yield "eval", "eval runs text as code."
    elif name in {"setTimeout", "setInterval"} and (_is_text(first) or _is_made_of_parts(first)):
        yield "eval", f"{name} with a text runs it as code; pass a function."
    elif name in {"exec", "execSync"} and _is_made_of_parts(first):
        yield "shell", "A command for a shell is made of parts; use execFile with a list."
    elif name in {"query", "execute", "raw"} and is_method and _is_made_of_parts(first):
        yield "sql", "If this is SQL, it is made of parts: pass values as parameters."
    elif name in {"write", "writeln"} and is_method and _text(function).startswith("document."):
        yield "markup", "document.write turns text into markup."
    elif name == "insertAdjacentHTML":
        yield (
            "markup",
            "insertAdjacentHTML turns text into markup; use textContent where it is text.",
        )


def _new(node: Node) -> Iterator[tuple[str, str]]:
    if _text(node.child_by_field_name("constructor")) == "Function":
        yield "eval", "new Function runs text as code."


def _assignment(node: Node) -> Iterator[tuple[str, str]]:
    left = node.child_by_field_name("left")
    if left is not None and left.type == "member_expression":
        name = _text(left.child_by_field_name("property"))
        if name in {"innerHTML", "outerHTML"} and not _is_text(node.child_by_field_name("right")):
            yield "markup", f"{name} turns text into markup; use textContent where it is text."
    parent = node.parent
    if node.type == "assignment_expression" and parent is not None:
        outer = parent.parent
        if parent.type == "parenthesized_expression" and outer is not None and outer.type in _TESTS:
            yield "assignment", "This assigns within a condition; === compares."


_TESTS = {"if_statement", "while_statement", "do_statement"}


def _comparison(node: Node) -> Iterator[tuple[str, str]]:
    operator = _text(node.child_by_field_name("operator"))
    sides = (node.child_by_field_name("left"), node.child_by_field_name("right"))
    if operator not in {"==", "!="} or any(
        side is not None and side.type in {"null", "undefined"} for side in sides
    ):
        return
    yield "loose", f"{operator} converts before it compares; use {operator}=."


def _catch(node: Node) -> Iterator[tuple[str, str]]:
    body = node.child_by_field_name("body")
    if body is not None and body.named_child_count == 0:
        yield "swallowed", "An empty catch hides every error."


def _pair(node: Node) -> Iterator[tuple[str, str]]:
    key, value = node.child_by_field_name("key"), node.child_by_field_name("value")
    if _text(key).strip("'\"") == "rejectUnauthorized" and _text(value) == "false":
        yield "tls", "rejectUnauthorized: false accepts any certificate."


def _attribute(node: Node) -> Iterator[tuple[str, str]]:
    if _text(node.named_child(0)) == "dangerouslySetInnerHTML":
        yield "markup", "dangerouslySetInnerHTML turns text into markup."


def _element(node: Node) -> Iterator[tuple[str, str]]:
    tags = (node.child_by_field_name("open_tag"), node.child_by_field_name("close_tag"))
    opened, closed = (_text(tag and tag.child_by_field_name("name")) for tag in tags)
    if opened != closed:  # the grammar does not compare them
        yield "syntax", f"Syntax error: <{opened}> is closed by </{closed}>."


def _debugger(_: Node) -> Iterator[tuple[str, str]]:
    yield "debugger", "A debugger statement is left in."


CHECKS = {
    "call_expression": _call,
    "new_expression": _new,
    "assignment_expression": _assignment,
    "binary_expression": _comparison,
    "catch_clause": _catch,
    "pair": _pair,
    "jsx_attribute": _attribute,
    "jsx_element": _element,
    "debugger_statement": _debugger,
}


if __name__ == "__main__":
    main(sys.argv[1:])
