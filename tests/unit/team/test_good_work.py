"""Ordinary good work that a rule of the gate could take for bad work: it passes as it is."""

from __future__ import annotations

import pytest
from support.samples import GOOD_GENERAL, order

from aicity_fleet.team.gate import check, is_refusal
from aicity_fleet.team.gate.language import extent, is_english

TODO_APP = """# Todo App

A small component that keeps a list of todos and lets people add and remove them.

```jsx
export function Todos({ todos, add }) {
  const [todo, setTodo] = useState('');
  useEffect(() => { console.log(todo); }, [todo]);
  // Todo list component
  return <ul>{todos.map((one) => <li key={one.id}>{one.text}</li>)}</ul>;
}
```

```python
open_ones = [todo for todo in todos if not todo.done]
assert [add, sub] and todos[todo.id]
```

For example, `<Todos todos={[]} add={save} />` shows an empty list.
"""

CLEAN_REVIEW = """The function sums a list and returns the total.

I looked at lines 1 to 3: the loop, the sum and the return value. No problems were found: an empty list
gives zero, as it should, and the code is idiomatic.
"""

GERMAN_REPORT = """## Zusammenfassung

Leuchttürme führten Schiffe lange vor der Satellitennavigation sicher an Küsten entlang. Jeder Turm hatte
eine eigene Kennung aus Licht und Dunkelheit, die in den Seekarten stand.

## Einzelheiten

Seeleute verglichen die beobachtete Kennung mit der Karte, peilten zwei Türme und fanden so ihren Standort.
Nebelhörner ergänzten das Licht bei schlechter Sicht. Die Reichweite hing von Höhe und Linse ab.

## Quellen

- Verzeichnis der Leuchtfeuer, Band 3
- Stevenson: Bau und Beleuchtung von Leuchttürmen
"""

GERMAN_REVIEW = """Die Funktion ist kurz und verständlich, hat aber einen Fehler bei leeren Listen.

### Division durch null
- Schweregrad: hoch
- Wo: Zeile 2
- Problem: Eine leere Liste führt zu einem Fehler, weil durch ihre Länge geteilt wird.
- Lösung: Vor der Division prüfen, ob die Liste leer ist, und dann null zurückgeben.
"""

BUG_FIX = """The definition had no closing bracket, so Python could not read the file.

Before:

```python
def mean(xs:
    return sum(xs) / len(xs)
```

After:

```python
def mean(xs):
    return sum(xs) / len(xs)
```

```python
>>> mean([1, 3])
2.0
```
"""

CASES = {
    "a todo app": ("code_generation", "Write a list of todos in React.", "", TODO_APP),
    "a todo app, not so called": ("code_generation", "Write what I told you of.", "", TODO_APP),
    "a review without findings": ("code_review", "Review this.", "a\nb\nc", CLEAN_REVIEW),
    "an audit without findings": ("security", "Audit this.", "a\nb\nc", CLEAN_REVIEW),
    "a German report": (
        "research",
        "Wie halfen Leuchttürme der Schifffahrt vor der Satellitennavigation? Bitte mit Quellen.",
        "",
        GERMAN_REPORT,
    ),
    "a German review": ("code_review", "Prüfe diesen Code.", "a\nb\nc", GERMAN_REVIEW),
    "a tweet": (
        "content_creation",
        "Write a tweet of at most 140 characters on lighthouses and ships.",
        "",
        "Before satellites, lighthouses wrote their names in light: every ship at sea could read them.",
    ),
    "a translation": (
        "content_creation",
        "Translate the following sentence about lighthouses guiding ships into Japanese.",
        "",
        "灯台は、衛星航法が登場するはるか以前から、夜の海を行く船に進むべき道を示してきました。"
        "それぞれの灯台には固有の光り方があり、船乗りは海図と見比べて自分の位置を知りました。",
    ),
    "a Chinese answer": (
        "general",
        "请说明灯塔在卫星导航出现之前如何引导船只、并给出两个例子。",
        "",
        "灯塔以固定的闪光节奏表明身份、水手对照海图即可确定自己的位置。"
        "例如、法罗斯灯塔指引船只进入亚历山大港、埃迪斯通灯塔警示礁石。",
    ),
    "the code that was mended": (
        "bug_fix",
        "Fix the syntax error.",
        "def mean(xs:\n    return sum(xs) / len(xs)\n",
        BUG_FIX,
    ),
    "a story that begins so": (
        "content_creation",
        "Write a short post for the tenth birthday of our bakery on the harbour.",
        "",
        "I can't believe it has been ten years since we opened our bakery on the harbour!\n\n"
        "Come and celebrate the birthday with us on Saturday: there is cake for everybody.",
    ),
    "an FAQ": (
        "content_creation",
        "Write one question and answer for the FAQ of our shop about accounts.",
        "",
        "**Q: I can't access my account. What now?**\n\nA: Ask for a new password on the login page.",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_good_work_passes(name):
    task_type, description, code, text = CASES[name]
    verdict = check(task_type, text, order(task_type, description, code=code))
    assert verdict.has_passed, verdict
    assert verdict.score >= 80, verdict


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("I can't believe how fast this year went.", False),
        ("I cannot recommend this book enough.", False),
        ("Your request could not be completed. Try again.", False),
        ('A user wrote: "I can\'t open the app."', False),
        ("I can't help with that.", True),
        ("I won't write this.", True),
        ("I cannot, in good conscience, do it.", False),  # not seen: other checks have to
        ("I am unable to open the recording.", True),
        ("This order could not be fulfilled.", True),
    ],
)
def test_a_refusal_is_one_that_refuses_work(text, refuses):
    assert is_refusal(text) is refuses


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("```js\n// TODO handle errors\n```", True),
        ("```js\n// todo: handle errors\n```", True),
        ("```js\n// Todo list component\n```", False),
        ("The list has one [todo].", True),
        ("The `[todo]` is rendered.", False),
        ("Write to [your name here].", True),
        ("- TODO", True),
        ("# Todo", False),
    ],
)
def test_a_todo_is_a_mark_and_not_a_word(text, found):
    verdict = check("general", f"{GOOD_GENERAL}\n\n{text}", order())
    assert ("placeholder" in {finding.check for finding in verdict.findings}) is found


def test_a_review_with_findings_is_not_one_without():
    text = "Line 3 divides by zero, which is bad. No other problems were found in the rest of the code."
    verdict = check("code_review", text, order("code_review", code="a\nb\nc"))
    assert "no_severity" in {finding.check for finding in verdict.findings}


@pytest.mark.parametrize(
    ("text", "english"),
    [
        (GOOD_GENERAL, True),
        (CLEAN_REVIEW, True),
        (GERMAN_REPORT, False),
        ("灯塔以固定的闪光节奏表明身份", False),
        ("Маяки помогали судам", False),
        ("Les phares guidaient les navires le long des côtes bien avant les satellites, et chacun avait "
         "son propre rythme de lumière que les marins connaissaient.", False),
        ("Severity: high", True),
        ("", True),
    ],
)  # fmt: skip
def test_what_is_english(text, english):
    assert is_english(text) is english


def test_a_chinese_character_says_more():
    assert extent("灯塔") == 6
    assert extent("light") == 5
