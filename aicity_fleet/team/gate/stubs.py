"""Functions without a body, on the syntax tree: Python's own, and tree-sitter's of other languages."""

import ast
import dataclasses
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import tree_sitter

from aicity_fleet.team.gate.syntax import python_tree, statements, syntax_tree

_UNWRITTEN = re.compile(
    r"(?i:not[ _]?(?:yet[ _])?implemented|\btodo!|\bunimplemented!|unsupportedoperation"
    r"|implement (?:me|this|here)|\byour (?:code|implementation)\b)|\bTODO\b|NotImplemented"
)
_ABSTRACT = frozenset({"ABC", "ABCMeta", "Protocol", "Interface"})
_OPEN_BY_DESIGN = frozenset({"abstractmethod", "overload", "abstractproperty", "singledispatch"})
_FUNCTIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("javascript", "js", "jsx", "mjs", "cjs", "node", "typescript", "ts", "tsx"),
            frozenset({"function_declaration", "method_definition", "arrow_function"}),
        ),
        **dict.fromkeys(("go", "golang"), frozenset({"function_declaration", "method_declaration"})),
        **dict.fromkeys(("rust", "rs"), frozenset({"function_item"})),
        "java": frozenset({"method_declaration"}),
    }
)  # fmt: skip


_HEAD = re.compile(
    r"(?<!\w)(?!(?:if|for|foreach|while|switch|catch|using|lock|return|when|match|elseif"
    r"|function)\b)[~A-Za-z_]\w{0,60}"
    r"\([^(){}\n]{0,300}\)[ \t\w:<>\[\]?*&,.-]{0,80}\n?[ \t]{0,40}\{"
    r"|^[ \t]{0,40}def [\w.?!=]{1,60}",
    re.M,
)
_COMMENT = re.compile(r"//|/\*|#")
_REMARK = r"(?:(?://|#)[^\n]{0,300}\n|/\*[^*]{0,600}\*/)\s{0,60}"
_EXIT = (
    r"(?:throw (?:new )?\w+\([^()\n]{0,200}\)|return(?: (?:0|-1|null|NULL|nullptr|nil|false|true"
    r"|\"\"|''|\[\]|default))?"
    r"|fatalError\([^()\n]{0,200}\)|TODO\([^()\n]{0,200}\))[;\s]{0,40}"
)
_BODY = re.compile(
    rf"\)[ \t\w:<>\[\]?*&,.-]{{0,80}}\n?[ \t]{{0,40}}\{{\s{{0,60}}+"
    rf"(?:{_REMARK}){{0,4}}(?:{_EXIT})?\s{{0,20}}(?:{_REMARK})?\}}"
)
_RUBY_BODY = re.compile(
    r"^[ \t]{0,40}def [\w.?!=]{1,60}[^\n]{0,200}\n(?:[ \t]{0,40}#[^\n]{0,300}\n){0,4}"
    r"(?:[ \t]{0,40}(?:raise NotImplementedError[^\n]{0,200}|nil)\n)?[ \t]{0,40}end\b",
    re.M,
)


_CONSTANT = re.compile(
    r"return (?:null|undefined|nil|0|false|\"\"|''|\{\}|\[\]|None)(?:, (?:nil|false))?;?"
)
"""All that a function does which has parameters and is no stub by its looks."""


@dataclasses.dataclass(slots=True)
class StubCount:
    """How many functions a deliverable defines, and how many of them are stubs."""

    functions: int = 0
    marked: int = 0
    """Stubs that say that they are one: they raise, or hold a mark."""
    hollow: int = 0
    """Stubs that do nothing, or return nothing but a constant."""


def count_stubs(language: str, code: str) -> StubCount:
    """Count the functions and the stubs of one block; nothing where it cannot be read.

    What is open by design does not count: abstract methods, protocols, overloads, base classes with a
    subclass, and functions that are nested in another.

    Args:
        language: What the block is marked as, in lower case.
    """
    if language in {"python", "python3", "py", ""}:
        tree = python_tree(code)
        return _count_python(tree) if tree else StubCount()
    kinds = _FUNCTIONS.get(language)
    root = syntax_tree(language, code) if kinds else None
    if root and kinds:
        return _count_in_tree(root, kinds)
    return _count_in_text(code)


def _count_in_text(code: str) -> StubCount:
    """Count by the looks of a body, where there is no grammar; a body without a word is none."""
    count = StubCount(len(_HEAD.findall(code)))
    for match in (*_BODY.finditer(code), *_RUBY_BODY.finditer(code)):
        is_marked = _UNWRITTEN.search(match.group())
        count.marked += bool(is_marked)
        count.hollow += not is_marked and bool(_COMMENT.search(match.group()))
    return count


def _count_python(tree: ast.Module) -> StubCount:
    count = StubCount()
    nodes = list(statements(tree))
    bases = {
        base.id
        for node in nodes
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if isinstance(base, ast.Name)
    }
    exempt: set[ast.AST] = set()
    for node in nodes:
        if isinstance(node, ast.ClassDef) and (node.name in bases or _is_abstract(node)):
            exempt.update(node.body)
    for node in nodes:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node in exempt or any(_name(item) in _OPEN_BY_DESIGN for item in node.decorator_list):
            continue
        count.functions += 1
        match _kind_of_body(node):
            case "marked":
                count.marked += 1
            case "hollow" if not node.name.startswith("__"):
                count.hollow += 1
    return count


def _kind_of_body(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    body = [item for item in node.body if not _is_text(item)]
    if not body:
        return "hollow"
    if len(body) > 1:
        return "marked" if _says_unwritten(body[-1]) and all(map(_is_idle, body[:-1])) else ""
    (only,) = body
    if _says_unwritten(only):
        return "marked"
    if _is_idle(only):
        return "hollow"
    is_constant = isinstance(only, ast.Return) and (
        only.value is None
        or (isinstance(only.value, ast.Constant) and only.value.value in {None, ""})
    )
    has_arguments = bool([arg for arg in node.args.args if arg.arg not in {"self", "cls"}])
    return "hollow" if is_constant and (has_arguments or ast.get_docstring(node)) else ""


def _says_unwritten(node: ast.stmt) -> bool:
    """Whether a statement raises, prints or logs that the rest is still to be written."""
    call = node.exc if isinstance(node, ast.Raise) else getattr(node, "value", None)
    if isinstance(node, ast.Raise) and call and _name(call) == "NotImplementedError":
        return True
    is_said = isinstance(node, ast.Raise | ast.Expr | ast.Return)
    return (
        is_said
        and isinstance(call, ast.Call)
        and any(
            isinstance(arg, ast.Constant)
            and isinstance(arg.value, str)
            and _UNWRITTEN.search(arg.value[:200])
            for arg in call.args
        )
    )


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_idle(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and node.value.value is Ellipsis
    )


def _is_abstract(node: ast.ClassDef) -> bool:
    bases = [*node.bases, *(keyword.value for keyword in node.keywords)]
    return any(_name(base) in _ABSTRACT for base in bases)


def _name(node: ast.expr) -> str:
    """The last name of an expression such as ``abc.abstractmethod`` or ``Protocol[T]``."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Subscript):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _count_in_tree(root: tree_sitter.Node, kinds: frozenset[str]) -> StubCount:
    count = StubCount()
    for node in _functions(root, kinds):
        body = node.child_by_field_name("body")
        if body is None or body.type not in {"statement_block", "block"}:
            continue  # a signature, or an arrow function that is one expression
        statements = [child for child in body.named_children if "comment" not in child.type]
        comments = [child for child in body.named_children if "comment" in child.type]
        said = b" ".join((child.text or b"")[:200] for child in (*statements[:1], *comments[:3]))
        is_unwritten = bool(_UNWRITTEN.search(said.decode("utf-8", "replace")))
        is_short = len(statements) <= 1
        count.functions += 1
        if is_short and is_unwritten and (not statements or _ends_there(statements[0])):
            count.marked += 1
        elif node.type != "arrow_function":
            has_parameters = bool(
                (parameters := node.child_by_field_name("parameters")) and parameters.named_children
            )
            only = (statements[0].text or b"")[:60] if len(statements) == 1 else b""
            is_constant = has_parameters and _CONSTANT.fullmatch(
                only.decode("utf-8", "replace").strip()
            )
            count.hollow += not statements or bool(is_constant)
    return count


def _ends_there(node: tree_sitter.Node) -> bool:
    """Whether a statement returns a constant, throws, panics or prints: the whole of a stub."""
    text = (node.text or b"")[:200].decode("utf-8", "replace").strip()
    return bool(re.match(
        r"(?:throw\b|panic\(|todo!|unimplemented!|return\s*(?:null|undefined|nil|0|false|true|\"\""
        r"|''|\{\}|\[\])?"
        r"(?:,\s*(?:nil|errors\.New\([^)]*\)|fmt\.Errorf\([^)]*\)))?\s*;?$|console\.\w+\("
        r"|return .{0,40}errors\.New\(|\S{0,3}(?:nil|None)?$)", text
    ))  # fmt: skip


def _functions(root: tree_sitter.Node, kinds: frozenset[str]) -> Iterator[tree_sitter.Node]:
    """Every function below a node, however deep, without recursion."""
    cursor = root.walk()
    while True:
        node = cursor.node
        if node is not None and node.type in kinds:
            yield node
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return
