"""What counts as a model that repeats itself, and that looking for it costs little."""

from __future__ import annotations

import pytest
from support.growth import assert_grows_with_the_length

from aicity_fleet.team.model.repetition import RepetitionWatch, is_repetition

UNITS = ["a", "\n", "no no ", "Then the model begins the same line again. ", "x" * 200 + "y" * 150]


def watched(text: str, piece: int = 7) -> int | None:
    """Return after how many characters a text is stopped; None if it is not."""
    watch = RepetitionWatch()
    for at in range(0, len(text), piece):
        if watch.repeats(text[at : at + piece]):
            return at + piece
    return None


@pytest.mark.parametrize("unit", UNITS, ids=[str(len(unit)) for unit in UNITS])
@pytest.mark.parametrize("piece", [1, 7, 5000])
def test_an_endless_repetition_is_noticed_soon(unit, piece):
    text = ("A beginning that is fine. " * 3 + unit * 20_000)[:20_000]
    stopped = watched(text, piece)
    assert stopped is not None
    assert stopped <= max(6100, 2 * piece)


HONEST = {
    "numbered lines": "".join(f"{n}. the same words in each line\n" for n in range(500)),
    "a table": "".join(f"| {n} | 0 | 0 | 0 | yes |\n" for n in range(500)),
    "a refrain between verses": "".join(
        f"Verse {n} tells of another day.\n" + "Oh the same refrain again.\n" * 4 for n in range(80)
    ),
    "an ordered line, thirty times": "I will not talk in class.\n" * 30 + "Done. " + "z" * 3000,
    "long units": ("".join(map(str, range(300))) + "\n") * 20,
}


@pytest.mark.parametrize("name", HONEST)
def test_what_only_looks_alike_is_not_stopped(name):
    assert watched(HONEST[name]) is None


def test_the_time_for_a_long_answer_grows_with_its_length():
    almost = ("ab" * 100 + "c" + "ab" * 99) * 500
    assert_grows_with_the_length(lambda part: watched(part, piece=4), almost)
    assert is_repetition("ab" * 2000)
