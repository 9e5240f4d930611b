"""Fetching a repository from a real local server that behaves well, and in every bad way."""

from __future__ import annotations

import asyncio
import gzip
import random
import re
import shutil
import ssl
import subprocess
import tarfile
import time

import pytest
from integration.team.tools.forge import PUBLIC, Forge, ToForge, archive, known, special, zeros

from aicity_fleet.team.tools import download
from aicity_fleet.team.tools.download import Downloader

REPO = "https://github.com/owner/name"
ARCHIVE = "/owner/name/archive/HEAD.tar.gz"
ELSEWHERE = "/owner/name/tar.gz/HEAD"
HOSTS = frozenset({"github.com", "codeload.github.com"})
CODE = "import os\n\n\ndef run(name):\n    os.system(name)\n"


@pytest.fixture
async def forge():
    server = Forge()
    async with server.serve() as server.port:
        yield server


@pytest.fixture
def fetch(forge, job):
    """Opens a job that names the repository, and gives what calls its tools and the transport."""

    def open_job(resolve=None, hosts=HOSTS, repo=REPO, **parts):
        to_forge = ToForge(forge.port)
        resolve = resolve or known(github_com=[PUBLIC], codeload_github_com=["140.82.121.9"])
        call = job(Downloader(hosts, resolve=resolve, transport=to_forge), repo=repo, **parts)
        return call, to_forge

    return open_job


async def test_the_files_of_a_repository_are_there_for_the_other_tools(forge, fetch):
    forge.will(ARCHIVE, archive(("src/app.py", CODE), ("README.md", "Says what it is.\n")))
    call, _ = fetch()
    told = await call("fetch_repository")
    assert told.startswith("Fetched github.com/owner/name at HEAD: 2 text files")
    assert told.endswith("src/app.py\nREADME.md")
    assert "src/app.py:5: B605" in await call("bandit")
    assert "> 5:     os.system(name)" in await call("search", query="OS.SYSTEM")
    assert "README.md, lines 1 to 2 of 2:\n1: Says what it is." in await call(
        "read_file", file="README.md"
    )


async def test_before_it_is_fetched_the_tools_say_so(fetch):
    call, _ = fetch()
    for tool, arguments in (
        ("ruff", {}),
        ("search", {"query": "x"}),
        ("read_file", {"file": "a.py"}),
    ):
        assert "call fetch_repository" in await call(tool, **arguments)


async def test_a_second_fetch_takes_the_place_of_the_first(forge, fetch):
    forge.will(ARCHIVE, archive(("a.py", CODE), ("code.py", "other")))
    forge.will("/owner/name/archive/v2.tar.gz", archive(("b.py", CODE)))
    call, _ = fetch(code=CODE)
    assert "repository/code.py" in await call("fetch_repository")
    await call("fetch_repository", ref="v2")
    assert "in 2 files" in await call("ruff")
    assert "The files are: code.py, b.py." in await call("read_file", file="a.py")


async def test_a_redirect_to_a_listed_host_is_followed_and_checked_anew(forge, fetch):
    forge.will(ARCHIVE, status=302, location=f"https://codeload.github.com{ELSEWHERE}")
    forge.will(ELSEWHERE, archive(("a.py", CODE)))
    call, to_forge = fetch()
    assert "1 text files" in await call("fetch_repository")
    assert [host for host, _ in forge.asked] == ["github.com", "codeload.github.com"]
    assert to_forge.wanted == [
        ("https", PUBLIC, "github.com"),
        ("https", "140.82.121.9", "codeload.github.com"),
    ]


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://evil.example/x", "not allowed"),
        ("https://github.com.evil.example/x", "not allowed"),
        ("http://github.com/x", "Only https"),
        ("file:///etc/passwd", "Only https"),
        ("https://user:pw@github.com/x", "user name or password"),
        ("https://github.com:6379/x", "usual port"),
        ("https://127.0.0.1/x", "not allowed"),
        ("https://[::1]/x", "not allowed"),
        ("//evil.example/x", "not allowed"),
        ("https://[broken", "not allowed"),
        (ARCHIVE, "more than 3 times"),
    ],
)
async def test_a_redirect_anywhere_else_is_not_followed(forge, fetch, location, told):
    forge.will(ARCHIVE, status=302, location=location)
    call, to_forge = fetch()
    assert told in await call("fetch_repository")
    assert {address for _, address, _ in to_forge.wanted} == {PUBLIC}


@pytest.mark.parametrize(
    "addresses",
    [
        *(
            ["127.0.0.1"],
            ["169.254.169.254"],
            ["10.0.0.1"],
            ["::1"],
            ["::ffff:10.0.0.1"],
            ["fe80::1"],
        ),
        [PUBLIC, "127.0.0.1"],
    ],
)
async def test_a_host_at_a_private_address_is_not_connected_to(fetch, forge, addresses):
    call, to_forge = fetch(known(github_com=addresses))
    assert "not at a public address" in await call("fetch_repository")
    assert to_forge.wanted == []


async def test_a_name_that_answers_differently_the_second_time_gains_nothing(forge, fetch):
    """The connection goes to the address that was checked; every hop is looked up and checked anew."""
    forge.will(ARCHIVE, status=302, location="/again")
    forge.will("/again", archive(("a.py", CODE)))
    call, to_forge = fetch(known(github_com=[[PUBLIC], ["127.0.0.1"]]))
    assert "not at a public address" in await call("fetch_repository")
    assert [address for _, address, _ in to_forge.wanted] == [PUBLIC]


async def test_the_next_address_is_tried_when_one_is_unreachable(forge, fetch):
    forge.will(ARCHIVE, archive(("a.py", CODE)))
    call, to_forge = fetch(known(github_com=["2606:50c0:8000::153", PUBLIC]))
    to_forge.unreachable.add("2606:50c0:8000::153")
    assert "1 text files" in await call("fetch_repository")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"url": "https://github.com/other/name"}, "that the order names"),
        (
            {"url": "https://evil.example/owner/name"},
            "Allowed are: codeload.github.com, github.com",
        ),
        ({"url": "https://me:secret@github.com/owner/name"}, "without user"),
        ({"url": "http://github.com/owner/name"}, "Only https"),
        ({"url": "file:///etc/passwd"}, "Only https"),
        ({"ref": "../../x"}, "ref must be"),
        ({"url": 7}, "must be a text"),
    ],
)
async def test_what_is_not_fetched_at_all(fetch, forge, arguments, told):
    call, _ = fetch()
    assert told in await call("fetch_repository", **arguments)
    assert forge.asked == []


async def test_no_repository_and_switched_off(fetch):
    assert "names no repository" in await fetch(repo="")[0]("fetch_repository")
    assert "switched off" in await fetch(hosts=frozenset())[0]("fetch_repository")
    assert "was not found" in await fetch(known())[0]("fetch_repository")


@pytest.mark.parametrize(
    ("status", "told"), [(404, "no such ref"), (500, "answered 500"), (204, "204")]
)
async def test_other_answers(forge, fetch, status, told):
    forge.will(ARCHIVE, status=status)
    assert told in await fetch()[0]("fetch_repository")


HARMFUL = [
    special("link.py", tarfile.SYMTYPE, "/etc/passwd"),
    special("hard.py", tarfile.LNKTYPE, "name-HEAD/good.py"),
    special("device", tarfile.CHRTYPE),
    special("pipe", tarfile.FIFOTYPE),
    special("sparse", tarfile.GNUTYPE_SPARSE),
]


async def test_links_devices_and_git_stay_out(forge, fetch, folders):
    members = [
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
    ("body", "told"),
    [
        (b"", "no .tar.gz"),
        (b"<html>Sign in</html>", "no .tar.gz"),
        (gzip.compress(b"x" * 5000), "no .tar.gz"),
        (archive(("a.py", CODE))[:60], "no .tar.gz"),
        (zeros(400), "far more than it should"),
        (gzip.compress(bytes(2**20))[:-4] * 20, "no .tar.gz|0 text files"),
    ],
    ids=["empty", "a page", "no tar", "cut off", "a bomb", "many streams"],
)
async def test_what_is_no_archive_or_a_bomb(forge, fetch, folders, body, told):
    forge.will(ARCHIVE, body)
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


async def test_a_length_that_is_too_long_is_not_read(forge, fetch):
    forge.will(ARCHIVE, content_length=str(download.MAX_BYTES + 1))
    assert "larger than 20 MB" in await fetch()[0]("fetch_repository")


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "many"])
async def test_a_length_that_is_none(forge, fetch, length):
    forge.will(ARCHIVE, content_length=length)
    assert "failed" not in await fetch()[0]("fetch_repository")


async def test_an_endless_answer_is_cut_off(forge, fetch, monkeypatch, folders):
    monkeypatch.setattr(download, "MAX_BYTES", 2**20)
    head = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = b"10000\r\n" + bytes(0x10000) + b"\r\n"

    def endless():
        yield head
        while True:
            yield piece

    forge.pause_seconds = 0
    forge.answers[ARCHIVE] = endless()
    assert "larger than" in await fetch()[0]("fetch_repository")


async def test_an_answer_that_dribbles_is_given_up(forge, fetch, monkeypatch):
    monkeypatch.setattr(download, "SECONDS", 1.0)

    def dribble():
        yield b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n"
        while True:
            yield b"x"

    forge.answers[ARCHIVE] = dribble()
    started = time.monotonic()
    assert "longer than 1 seconds" in await fetch()[0]("fetch_repository")
    assert time.monotonic() - started < 5


async def test_a_resolver_that_hangs_is_given_up(fetch, monkeypatch):
    monkeypatch.setattr(download, "SECONDS", 0.5)

    async def hang(host):
        await asyncio.Event().wait()

    assert "longer than 0.5 seconds" in await fetch(hang)[0]("fetch_repository")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 X\r\nX: " + b"x" * 300_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 302 X\r\nLocation: https://\xff\xfe\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["nothing", "no HTTP", "long header", "short", "odd location"],
)
async def test_a_server_that_speaks_badly_is_told_in_a_sentence(forge, fetch, answer):
    forge.answers[ARCHIVE] = answer
    told = await fetch()[0]("fetch_repository")
    assert "broke off" in told or "not allowed" in told


async def test_a_compressed_answer_is_not_unpacked_on_the_way(forge, fetch):
    """A bomb in the encoding of the answer would open within the worker."""
    forge.will(ARCHIVE, gzip.compress(archive(("a.py", CODE))), content_encoding="gzip")
    assert "was not taken" in await fetch()[0]("fetch_repository")


async def test_a_cookie_of_one_host_is_not_sent_to_another(forge, fetch):
    forge.will(
        ARCHIVE, status=302, location=f"https://codeload.github.com{ELSEWHERE}", set_cookie="a=b"
    )
    forge.will(ELSEWHERE, archive(("a.py", CODE)))
    assert "1 text files" in await fetch()[0]("fetch_repository")


@pytest.fixture(params=["github.com", "evil.example"])
def certificate(request, tmp_path):
    """A name, and a certificate for it that is its own authority."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    made = tmp_path / "made"
    made.mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", made / "key", "-out", made / "cert", "-days", "2", "-subj", f"/CN={request.param}",
         "-addext", f"subjectAltName=DNS:{request.param}"],
        check=True, capture_output=True,
    )  # fmt: skip
    return request.param, made / "cert", made / "key"


async def test_the_certificate_has_to_be_the_hosts_and_not_the_addresss(job, certificate):
    named, cert, key = certificate
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(cert, key)
    theirs = ssl.create_default_context(cafile=str(cert))
    forge = Forge()
    forge.will(ARCHIVE, archive(("a.py", CODE)))
    async with forge.serve(ours) as port:
        to_forge = ToForge(port, scheme="https", verify=theirs)
        call = job(
            Downloader(HOSTS, resolve=known(github_com=[PUBLIC]), transport=to_forge), repo=REPO
        )
        told = await call("fetch_repository")
    assert ("1 text files" if named == "github.com" else "broke off") in told


async def test_the_systems_resolver_gives_addresses():
    assert "127.0.0.1" in await download.resolve("localhost")
    assert await download.resolve("no-such-host.invalid") == []
    assert await download.resolve("x" * 300) == []
