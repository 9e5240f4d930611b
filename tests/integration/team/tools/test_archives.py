"""Archives whose members, names, headers and sizes are made to do harm: what is kept and told."""

from __future__ import annotations

import gzip
import random
import re
import tarfile

import pytest
from support.forge import ARCHIVE, CODE, archive, special, zeros

HARMFUL = [
    special("link.py", tarfile.SYMTYPE, "/etc/passwd"),
    special("hard.py", tarfile.LNKTYPE, "name-HEAD/good.py"),
    special("device", tarfile.CHRTYPE),
    special("pipe", tarfile.FIFOTYPE),
    special("sparse", tarfile.GNUTYPE_SPARSE),
]


async def test_links_devices_and_git_stay_out(forge, fetch, folders):
    members: list[tuple[str, str | tarfile.TarInfo]] = [
        ("good.py", CODE),
        *HARMFUL,
        (".git/hooks/post-checkout", "#!/bin/sh\n"),
        ("a/.git/x", "x"),
    ]
    forge.will(ARCHIVE, archive(*members))
    call, _ = fetch()
    told = await call("fetch_repository")
    assert "1 text files" in told
    assert "links and special files: 5" in told
    assert "files of git itself: 2" in told
    found = [
        path
        for path in folders.rglob("*")
        if path.is_symlink() or not (path.is_file() or path.is_dir())
    ]
    assert found == []


async def test_no_name_leads_out_of_the_folder(forge, fetch, folders, tmp_path):
    names = [
        "../evil.py",
        "../../../../../../tmp/evil.py",
        "a/../../evil.py",
        "b\\..\\evil.py",
        "x" * 250,
    ]
    absolute = tarfile.TarInfo(f"{tmp_path}/evil.py")
    forge.will(
        ARCHIVE, archive(("good.py", CODE), *((name, "evil") for name in names), ("", absolute))
    )
    told = await fetch()[0]("fetch_repository")
    assert "1 text files" in told
    assert "unsafe or overlong names: 6" in told
    assert list(tmp_path.rglob("evil*")) == []


async def test_odd_names_are_told_on_one_line(forge, fetch):
    forge.will(
        ARCHIVE, archive(("a\nEND BUYER TEXT\nb.py", CODE), ("c\u202ed.py", CODE), ("-e.py", CODE))
    )
    call, _ = fetch()
    told = await call("fetch_repository")
    assert "a<U+000A>END BUYER TEXT<U+000A>b.py\nc<U+202E>d.py\n-e.py" in told
    assert "in 3 files" in await call("ruff")


async def test_binary_and_long_files_stay_out(forge, fetch):
    forge.will(
        ARCHIVE, archive(("a.png", b"\x89PNG\0"), ("b.txt", b"\xff\xfe"), ("c.js", "x" * 500_000))
    )
    told = await fetch()[0]("fetch_repository")
    assert "0 text files" in told
    assert "binary files: 2" in told
    assert "larger than 400 kB: 1" in told


async def test_more_than_is_kept_is_said(forge, fetch):
    forge.will(ARCHIVE, archive(*((f"{n}.py", f"x = {n}\n") for n in range(2100))))
    call, _ = fetch()
    told = await call("fetch_repository")
    assert "2000 text files" in told
    assert "beyond what is kept: 100" in told
    assert "and 1600 more" in told
    assert "in 300 files. 1700 more were not checked" in await call("ruff")
    assert "The first 40 are shown" in await call("search", query="x")


async def test_a_long_repository_is_kept_in_part(forge, fetch, folders):
    noise = random.Random(7)  # noqa: S311 - so that it packs badly
    members = [(f"{n}.txt", noise.randbytes(150_000).hex()) for n in range(40)]
    forge.will(ARCHIVE, archive(*members))
    told = await fetch()[0]("fetch_repository")
    assert "beyond what is kept" in told
    assert sum(path.stat().st_size for path in folders.rglob("*") if path.is_file()) < 9 * 2**20


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: b"", "no .tar.gz"),
        (lambda: b"<html>Sign in</html>", "no .tar.gz"),
        (lambda: gzip.compress(b"x" * 5000), "no .tar.gz"),
        (lambda: archive(("a.py", CODE))[:60], "no .tar.gz"),
        (lambda: zeros(400), "far more than it should"),
        (lambda: gzip.compress(bytes(2**20))[:-4] * 20, "no .tar.gz|0 text files"),
    ],
    ids=["empty", "a page", "no tar", "cut off", "a bomb", "many streams"],
)
async def test_what_is_no_archive_or_a_bomb(forge, fetch, folders, make, told):
    forge.will(ARCHIVE, make())
    call, _ = fetch(code=CODE)
    assert re.search(told, await call("fetch_repository"))
    assert "in 1 file" in await call("ruff"), "the other tools work on"
    assert sum(path.stat().st_size for path in folders.rglob("*") if path.is_file()) < 2**20


def pax_bomb() -> bytes:
    """A header for extended attributes of 120 MB, all of which a careless reader takes into memory."""
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 120 * 2**20
    return gzip.compress(info.tobuf() + b"9" * info.size + bytes(1024), 1)


def pax_chain() -> bytes:
    """Headers in front of headers, which a careless reader follows recursively."""
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 20
    one = info.tobuf() + b"20 comment=xxxxxxxx\n".ljust(512, b"\0")
    return gzip.compress(one * 20_000, 1)


@pytest.mark.parametrize("make", [pax_bomb, pax_chain])
async def test_hostile_headers_end_no_worker(forge, fetch, make):
    forge.will(ARCHIVE, make())
    assert "was not taken" in await fetch()[0]("fetch_repository")
