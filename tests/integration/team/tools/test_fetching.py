"""Fetching from a real local server: which hosts, addresses and redirects are gone along with."""

from __future__ import annotations

import shutil
import ssl
import subprocess

import pytest
from support.forge import (
    ARCHIVE,
    CODE,
    HOSTS,
    PUBLIC,
    REPO,
    Forge,
    ToForge,
    archive,
    known,
)

from aicity_fleet.team.tools import download
from aicity_fleet.team.tools.download import Downloader

ELSEWHERE = "/owner/name/tar.gz/HEAD"


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


async def test_a_cookie_of_one_host_is_not_sent_to_another(forge, fetch):
    forge.will(
        ARCHIVE, status=302, location=f"https://codeload.github.com{ELSEWHERE}", set_cookie="a=b"
    )
    forge.will(ELSEWHERE, archive(("a.py", CODE)))
    assert "1 text files" in await fetch()[0]("fetch_repository")
    assert len(forge.heads) == 2
    assert "cookie" not in forge.heads[1].lower()


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
