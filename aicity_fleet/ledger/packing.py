"""The form of a journal entry in Redis: plain JSON, or compressed where that is shorter.

The one module that knows the form. Base85 and not bytes: the ledger's connections decode what they
read, and one encoding for a whole connection is simpler than a second connection per process.
"""

import base64
import zlib

from aicity_fleet.errors import LedgerError

MARK = "z"
"""What a packed entry begins with; a plain one is a JSON object and begins with a brace."""


def pack(text: str) -> str:
    """Return the shorter form of a JSON text."""
    packed = MARK + base64.b85encode(zlib.compress(text.encode(), 9)).decode("ascii")
    return packed if len(packed) < len(text) else text


def unpack(text: str) -> str:
    """Return the JSON text that was packed; a plain one is given back as it is.

    Raises:
        LedgerError: It is neither.
    """
    if not text.startswith(MARK):
        return text
    try:
        return zlib.decompress(base64.b85decode(text[len(MARK) :])).decode()
    except (ValueError, zlib.error) as error:
        raise LedgerError(
            f"A journal entry of {len(text)} characters cannot be unpacked "
            f"({type(error).__name__}). Was it changed by hand?"
        ) from error
