"""What ``REDIS_URL`` names: one Redis, or the sentinels that know which Redis is the primary.

It reads text alone and opens nothing; ``aicity_fleet.redis_clients`` connects.
"""

import re
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

SCHEMES = frozenset({"redis", "rediss", "sentinel"})

SENTINEL_PORT = 26379
"""The port of a sentinel that names none."""

_QUERY_OF_SENTINELS = re.compile(r"master=[^&=;]+")


def check_redis_url(url: str) -> str:
    """Return a URL that can be right, unchanged.

    Raises:
        ValueError: It cannot be; the message says why and holds no part of it.
    """
    parts = urlsplit(url)
    try:
        is_whole = all(host and port != 0 for host, port in _hosts(parts))
    except ValueError:  # a port that is no number, or too large
        is_whole = False
    if parts.scheme not in SCHEMES or not is_whole:
        raise ValueError(
            "is not a redis:// or rediss:// URL with a host and a valid port, nor "
            "sentinel://host1:26379,host2:26379/0?master=NAME"
        )
    if not re.fullmatch(r"/?\d*", parts.path) or parts.fragment or _has_wrong_query(parts):
        raise ValueError(
            "may have only a database number after the port, and after it ?master=NAME for sentinel://; "
            "put a password with special characters into REDIS_PASSWORD"
        )
    return url


def is_sentinel(url: str) -> bool:
    """Return whether a URL names sentinels."""
    return url.startswith("sentinel://")


def addresses_in(url: str) -> list[tuple[str, int]]:
    """Return host and port of the Redis that a valid URL names, or of each of its sentinels."""
    parts = urlsplit(url)
    default = SENTINEL_PORT if is_sentinel(url) else 6379
    return [(host or "", port or default) for host, port in _hosts(parts)]


def primary_in(url: str) -> str:
    """Return by which name the sentinels of a valid URL know the primary."""
    return parse_qs(urlsplit(url).query)["master"][0]


def database_in(url: str) -> int:
    """Return the number of the database in a valid URL."""
    return int(urlsplit(url).path.strip("/") or 0)


def login_in(url: str) -> dict[str, str | None]:
    """Return ``username`` and ``password`` of a URL; None for what it does not hold."""
    parts = urlsplit(url)
    found = {"username": parts.username, "password": parts.password}
    return {name: unquote(text) if text else None for name, text in found.items()}


def _hosts(parts: SplitResult) -> list[tuple[str | None, int | None]]:
    netloc = parts.netloc.rpartition("@")[2]
    texts = netloc.split(",") if parts.scheme == "sentinel" else [netloc]
    each = [urlsplit(f"//{text}") for text in texts]
    return [(one.hostname, one.port) for one in each]


def _has_wrong_query(parts: SplitResult) -> bool:
    if parts.scheme == "sentinel":
        return _QUERY_OF_SENTINELS.fullmatch(parts.query) is None
    return bool(parts.query)
