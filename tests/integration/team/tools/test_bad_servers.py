"""Servers that lie, dribble, flood or speak no HTTP: each ends a call with a sentence."""

from __future__ import annotations

import asyncio
import gzip
import time

import pytest
from support.forge import ARCHIVE, CODE, archive

from aicity_fleet.team.tools import download


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
