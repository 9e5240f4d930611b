"""What a stranger's text can make the gate do grows with its length, and not with its square."""

from __future__ import annotations

from collections import Counter

from support.samples import order

from aicity_fleet.team import gate
from aicity_fleet.team.gate import derived, fixes, reasoning
from aicity_fleet.team.gate.numbers import Table


def test_an_order_is_asked_once_if_it_is_for_fiction(monkeypatch):
    asked = Counter[str]()
    finder = reasoning._FIRST_PERSON

    class Counted:
        def is_in(self, text: str) -> bool:
            asked["fiction"] += 1
            return finder.is_in(text)

    monkeypatch.setattr(reasoning, "_FIRST_PERSON", Counted())
    text = "The harbour lies still.\n" + "\nhmm, the sky. " * 200
    gate.check("general", text, order(description="Some plain words, as a poem."))
    assert asked["fiction"] == 1


def test_each_definition_is_read_a_few_times_however_many_have_its_name(monkeypatch):
    read = Counter[int]()
    content = fixes._content

    def counted(tree):
        read[id(tree)] += 1
        return content(tree)

    monkeypatch.setattr(fixes, "_content", counted)
    many = 60
    before = "def f():\n    return 0\n" * many + "def f():\n    return 1\n"
    after = "def f():\n    return 1\n" * (many + 1)
    assert fixes.is_same_code("python", before, after)
    assert max(read.values()) <= 3


def test_figures_are_looked_for_among_many_numbers_at_a_time():
    tables = [Table([[float(n), 2.0, 3.0]], []) for n in range(400)]
    batches = list(derived._batches(tables))
    numbers = sum(len(batch.absolute) + len(batch.ratios) for batch in batches)
    assert len(batches) <= numbers / derived.BATCH_NUMBERS + 3
