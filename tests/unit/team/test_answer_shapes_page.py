"""The page of answer shapes has a row for each shape that is tested, and says how it ends."""

import re

from support.answer_shapes import SHAPES
from support.source_files import ROOT

PAGE = ROOT / "docs/decisions/answers-of-weak-models.md"
ROW = re.compile(r"^\| ([A-Z]\d+) \| .+ \| (\d) \| (.+) \|$", re.MULTILINE)


def test_each_row_says_how_its_shape_ends():
    rows = ROW.findall(PAGE.read_text("utf-8"))
    told = {name: (int(calls), end) for name, calls, end in rows}
    assert len(rows) == len(told)
    assert told == {
        name: (shape.calls, "failed" if shape.fails else f"delivered ({shape.hand_in})")
        for name, shape in SHAPES.items()
    }
