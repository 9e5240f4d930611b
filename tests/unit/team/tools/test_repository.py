"""What counts as a repository, which one an order names, and where its archive is."""

from __future__ import annotations

import pytest
from support.samples import order

from aicity_fleet.errors import ToolError
from aicity_fleet.team.tools.repository import is_named, read_repository


@pytest.mark.parametrize(
    ("url", "ref", "archive"),
    [
        ("https://github.com/o/n", "", "https://github.com/o/n/archive/HEAD.tar.gz"),
        ("https://github.com/o/n.git", "v1.0", "https://github.com/o/n/archive/v1.0.tar.gz"),
        ("https://GitHub.com/o/n/", "a/b", "https://github.com/o/n/archive/a/b.tar.gz"),
        ("https://github.com/o/n/tree/dev/x", "", "https://github.com/o/n/archive/dev/x.tar.gz"),
        ("git@github.com:o/n.git", "", "https://github.com/o/n/archive/HEAD.tar.gz"),
        ("https://bitbucket.org/o/n", "", "https://bitbucket.org/o/n/get/HEAD.tar.gz"),
        (
            "https://gitlab.com/g/s/n/-/tree/a/b",
            "",
            "https://gitlab.com/g/s/n/-/archive/a/b/n-a-b.tar.gz",
        ),
    ],
)
def test_where_an_archive_is(url, ref, archive):
    assert read_repository(url, ref).archive_url == archive


@pytest.mark.parametrize(
    "url",
    [
        *("http://github.com/o/n", "file:///etc/passwd", "ssh://git@github.com/o/n", "o/n", ""),
        *("https://user:pw@github.com/o/n", "https://token@github.com/o/n"),
        *("https://github.com/o", "https://github.com/../n", "https://github.com/o/.."),
        *("https://github.com/o/n?x=1", "https://github.com/o/n#x", "https://github.com/o/n/raw/x"),
        *("https://github.com/o/n\nHost: evil", "https://github.com\\@evil.org/o/n"),
        *("https://github.com/o/n%2f..%2fx", "https://evil.org@github.com/o/n"),
    ],
)
def test_what_is_no_repository(url):
    with pytest.raises(ToolError, match="https://HOST/OWNER/NAME"):
        read_repository(url, "")


@pytest.mark.parametrize(
    "ref", ["../x", "a..b", "-x", "a b", "a\nb", "a?b", "a#b", "%2e", "x" * 300]
)
def test_what_is_no_ref(ref):
    with pytest.raises(ToolError, match="ref must be"):
        read_repository("https://github.com/o/n", ref)


@pytest.mark.parametrize(
    "parts",
    [
        {"repo": "https://github.com/o/n.git"},
        {"repo": "git@github.com:o/n.git"},
        {"description": "Look at https://github.com/O/N, please."},
        {"details": {"links": ["https://github.com/o/n/issues/7"]}},
    ],
)
def test_the_order_names_it(parts):
    assert is_named(read_repository("https://github.com/o/n", ""), order(**parts))


@pytest.mark.parametrize(
    "parts",
    [
        {"repo": "https://github.com/o/other"},
        {"repo": "https://github.com/o/n-two"},
        {"repo": "https://notgithub.com/o/n"},
        {"description": "o/n"},
    ],
)
def test_the_order_names_another(parts):
    assert not is_named(read_repository("https://github.com/o/n", ""), order(**parts))
