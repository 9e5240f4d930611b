"""A program of its own: takes the text files out of a .tar.gz and prints what it took as JSON.

``repository`` starts it, confined. Nothing in an archive chooses where it is written: every file gets a
folder with a number. Links, devices and everything that is no plain text file stay out. Imports the
standard library alone.

    unpack.py ARCHIVE FOLDER FIRST_NUMBER     prints {"files": [[name, path, chars]], "left_out": {}}
                                              or {"refused": "why"}
"""

import gzip
import json
import sys
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Any

MAX_UNPACKED_BYTES = 150 * 2**20
"""How much an archive may unpack to, in bytes; all of it is read through, and little kept."""

MAX_RATIO = 200
"""How many times its own size an archive may unpack to; source code comes to about 5."""

MAX_MEMBERS = 20_000
"""How many entries of an archive are looked at."""

MAX_KEPT_FILES = 2000
"""How many files are kept."""

MAX_KEPT_BYTES = 8 * 2**20
"""How long the kept files may be together, in bytes."""

MAX_FILE_BYTES = 400_000
"""The longest file that is kept, in bytes."""

MAX_NAME_CHARS = 200
"""The longest name that is kept, in characters."""

SNIFFED_BYTES = 8192
"""How much of a file is looked at for a zero byte, which no text has."""

KEPT_SUFFIXES = frozenset(
    {".py", ".pyi", ".js", ".jsx", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx"}
)
PACKAGE = "__init__.py"


class RefusedError(Exception):
    """The archive as a whole is not taken."""


class Counted:
    """A gzip stream that gives no more than it may."""

    def __init__(self, archive: IO[bytes], packed: int) -> None:
        self._stream = gzip.GzipFile(fileobj=archive)
        self._left = min(MAX_UNPACKED_BYTES, max(packed * MAX_RATIO, 2**20))

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, fewer at the end."""
        if size < 0 or size > self._left + 1:
            size = self._left + 1
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise RefusedError("it unpacks to far more than it should")
        return data


def unpack(archive: Path, folder: Path, number: int) -> dict[str, Any]:
    """Take the text files out of an archive.

    Raises:
        RefusedError: It is no archive, or one that is made to do harm.
    """
    files: list[tuple[str, str, int]] = []
    left_out: dict[str, int] = {}
    kept = 0
    packed = archive.stat().st_size
    try:
        with (
            archive.open("rb") as file,
            tarfile.open(
                fileobj=Counted(file, packed),  # type: ignore[call-overload]
                mode="r|",
                errorlevel=0,
            ) as tar,
        ):
            for seen, member in enumerate(tar):
                if seen >= MAX_MEMBERS:
                    left_out[f"after the first {MAX_MEMBERS} entries"] = 1
                    break
                if member.isdir():
                    continue
                name = _name(member.name)
                data = _data(tar, member) if name else b""
                why = _why_not(member, name, data, kept, len(files))
                if why or data is None:
                    left_out[why or "larger files"] = left_out.get(why or "larger files", 0) + 1
                    continue
                place = folder / f"{number:05}"
                number += 1
                place.mkdir()
                path = place / _disk_name(name)
                path.write_bytes(data)
                kept += len(data)
                files.append((name, f"{place.name}/{path.name}", len(data)))
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError, OverflowError) as error:
        if not files:
            raise RefusedError("it is no .tar.gz, or a damaged one") from error
        left_out["behind a damaged place"] = 1
    return {"files": files, "left_out": left_out}


def _name(name: str) -> str:
    """Return the name without the first folder of a forge's archive; empty if it is unsafe."""
    parts = PurePosixPath(name).parts
    if name.startswith("/") or "\\" in name or ".." in parts or "\0" in name:
        return ""
    return "/".join(parts[1:])


def _data(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | None:
    """Return the content of a plain file that is not too long; None for every other."""
    is_plain = member.type in {tarfile.REGTYPE, tarfile.AREGTYPE} and not member.issparse()
    if not is_plain or not 0 <= member.size <= MAX_FILE_BYTES:
        return None
    file = tar.extractfile(member)
    return None if file is None else file.read(MAX_FILE_BYTES + 1)


def _why_not(member: tarfile.TarInfo, name: str, data: bytes | None, kept: int, files: int) -> str:
    """Return why a member is left out; empty when it is kept."""
    if member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE} or member.issparse():
        return "links and special files"
    if not name or len(name) > MAX_NAME_CHARS:
        return "files with unsafe or overlong names"
    if ".git" in name.split("/"):
        return "files of git itself"
    if data is None or len(data) > MAX_FILE_BYTES:
        return f"files larger than {MAX_FILE_BYTES // 1000} kB"
    if b"\0" in data[:SNIFFED_BYTES] or not _is_text(data):
        return "binary files"
    if files >= MAX_KEPT_FILES or kept + len(data) > MAX_KEPT_BYTES:
        return "files beyond what is kept"
    return ""


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _disk_name(name: str) -> str:
    path = PurePosixPath(name)
    if path.name == PACKAGE:
        return PACKAGE
    suffix = path.suffix.lower()
    return f"file{suffix if suffix in KEPT_SUFFIXES else '.txt'}"


def main(arguments: list[str]) -> None:
    """Unpack, and say what came of it."""
    try:
        told = unpack(Path(arguments[0]), Path(arguments[1]), int(arguments[2]))
    except RefusedError as error:
        told = {"refused": str(error)}
    print(json.dumps(told))  # noqa: T201 -- it is what this program is for


if __name__ == "__main__":
    main(sys.argv[1:])
