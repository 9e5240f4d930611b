"""What counts as code that does not parse, language by language."""

from __future__ import annotations

import pytest

from aicity_fleet.team.gate.syntax import (
    MAX_PARSED_CHARS,
    MAX_READ_CHARS,
    SyntaxFault,
    syntax_fault,
)

GOOD = {
    "javascript": [
        "export const add = (a, b) => a + b;\n",
        "const x = <div className='a'>{items.map((i) => <b key={i}>{i}</b>)}</div>;\n",
        "async load(id) {\n  return this.db.get(id) ?? null;\n}\n",  # a method alone
        "host: 'a',\nport: 1,\n",  # a part of an object
        "#!/usr/bin/env node\nimport fs from 'node:fs';\nawait fs.promises.readFile('a');\n",
        "test('adds', () => {\n  expect(add(1, 2)).toBe(3);\n});\n",
    ],
    "typescript": [
        "interface A<T extends object> { readonly a?: T }\nexport type B = A<{}> | null;\n",
        "const x = <T,>(a: T): T => a;\nconst y = <div>{x(1)}</div>;\n",
        "private async load(id: string): Promise<User | null> {\n  return null;\n}\n",
        "enum C { A = 1, B }\nconst z = value as unknown as C satisfies number;\n",
        "@Injectable()\nexport class A { constructor(private readonly b: B) {} }\n",
    ],
    "go": [
        'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("a") }\n',
        "func Max[T cmp.Ordered](a, b T) T {\n\tif a > b {\n\t\treturn a\n\t}\n\treturn b\n}\n",
        "for i := range 10 {\n\tsum += i\n}\n",
    ],
    "java": [
        "package a;\n\npublic class A {\n  private final int b = 1;\n}\n",
        "public record P(int x, int y) {}\n",
        "@Test\nvoid adds() {\n  assertEquals(3, add(1, 2));\n}\n",
        "private final Map<String, List<Integer>> seen = new HashMap<>();\n",
        "var x = switch (a) { case 1 -> 2; default -> { yield 3; } };\n",
    ],
    "rust": [
        'fn main() {\n    println!("{}", 1);\n}\n',
        "pub fn len(&self) -> usize {\n    self.items.len()\n}\n",
        "let x: Vec<_> = a.iter().map(|b| b? + 1).collect();\n",
        "#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() { assert_eq!(1, 1); }\n}\n",
    ],
    "python": ["x = 1", "    return 1\n", "x = '\\d'", "type Alias = list[int]"],
}

BAD = {
    "javascript": ("const a = 1;\nfunction f( {\n  return 1;\n}\n", "const x = {a: 1 b: 2};\n"),
    "typescript": ("const a: string = 1;\nlet b: = 2;\n", "class A {\n  b(): number { return 1;\n"),
    "go": ("package main\n\nfunc main( {\n}\n", "x := [1, 2\n"),
    "java": ("class A {\n  int b = ;\n}\n", "void f() { return 1 }\n"),
    "rust": ("fn f( -> i32 { 1 }\n", "let x = ;\n"),
    "python": ("x = 1\ny ==== 2", "def f(:"),
}


@pytest.mark.parametrize(
    ("language", "code"), [(language, code) for language, codes in GOOD.items() for code in codes]
)
def test_files_and_fragments_parse(language, code):
    assert syntax_fault(language, code) is None


@pytest.mark.parametrize(
    ("language", "code"), [(language, code) for language, codes in BAD.items() for code in codes]
)
def test_what_does_not_parse_is_found(language, code):
    fault = syntax_fault(language, code)
    assert fault is not None
    assert 1 <= fault.line <= code.count("\n") + 1
    assert fault.language.lower() == language


@pytest.mark.parametrize(
    ("language", "code", "fault"),
    [
        ("python", "x = 1\ny ==== 2", SyntaxFault("Python", 2)),
        ("js", "let a = 1;\nlet b = ];\n", SyntaxFault("JavaScript", 2)),
        ("ts", "let a: number = 1;\n\nlet b: = 2;\n", SyntaxFault("TypeScript", 3)),
    ],
)
def test_the_line_is_the_blocks_own(language, code, fault):
    assert syntax_fault(language, code) == fault


@pytest.mark.parametrize("language", ["", "text", "diff", "console", "c", "brainfuck"])
def test_what_is_not_known_is_not_judged(language):
    assert syntax_fault(language, "}{ (((") is None


@pytest.mark.parametrize("language", sorted(GOOD))
@pytest.mark.parametrize(
    "code",
    [
        "a" + ".b" * 14_000,
        "-" * 29_000 + "1",
        "(" * MAX_READ_CHARS,
        "{" * MAX_READ_CHARS,
        "<a>" * 10_000,
        "`${" * 10_000,
        "[{(<" * 7_000,
        "\ud800\x00\u202e" * 1_000,
        "(" * MAX_PARSED_CHARS + "(",
    ],
    ids=[
        "members",
        "signs",
        "brackets",
        "braces",
        "tags",
        "templates",
        "mixed",
        "unicode",
        "too long",
    ],
)
def test_no_text_breaks_or_holds_up_the_parser(language, code):
    syntax_fault(language, code)


def test_the_same_text_is_judged_the_same():
    code = "const a = [" + "{b: (" * 5_000
    assert len({syntax_fault("typescript", code) for _ in range(3)}) == 1
