"""The Lua scripts as texts: what each takes of the shared files."""

import re
from importlib import resources

import pytest

from aicity_fleet.ledger.lua import SHARED, script_texts

FOLDER = resources.files("aicity_fleet.ledger").joinpath("scripts")
DEFINITION = re.compile(r"local (function )?(\w+)( =|\(|$)")


@pytest.mark.parametrize("name", SHARED)
def test_a_shared_file_holds_definitions_of_one_name_each(name):
    text = FOLDER.joinpath("shared", name).read_text("utf-8")
    assert not re.search(r"--\[|['\"][^'\"\n]*--[^'\"\n]*['\"]", text), (
        "it is no comment to the end of the line"
    )
    for line in text.splitlines():
        is_top = line and not line[0].isspace() and not re.match(r"--|end$|[)}]+$", line)
        assert not is_top or DEFINITION.match(line), line


def test_a_shared_name_is_defined_once_and_before_its_use():
    names: list[str] = []
    for name in SHARED:
        text = re.sub("--.*", "", FOLDER.joinpath("shared", name).read_text("utf-8"))
        for part in re.split(r"^(?=local )", text, flags=re.MULTILINE)[1:]:
            found = DEFINITION.match(part)
            assert found is not None
            assert found[2] not in names
            names.append(found[2])
    for name, text in script_texts().items():
        defined = re.findall(r"^local (?:function )?(\w+)", text, re.MULTILINE)
        own = re.sub("--.*", "", FOLDER.joinpath(f"{name}.lua").read_text("utf-8"))
        used = [word for word in names if re.search(rf"\b{word}\b", own)]
        assert set(used) <= set(defined), name


def test_a_script_has_nothing_that_it_does_not_use():
    assert "breaker" not in script_texts()["pause"]
    assert len(script_texts()["pause"]) < 1000
