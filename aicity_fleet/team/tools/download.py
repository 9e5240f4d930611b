"""Downloads one file over https, from listed hosts at public addresses alone.

Every hop is checked again: scheme, host, port and address. The connection goes to the very address that was
checked, so that a name which answers differently the second time gains nothing. Follows no proxy: the
name would be resolved there.
"""

import asyncio
import functools
import ipaddress
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import httpx

from aicity_fleet.errors import ToolError

logging.getLogger("httpx").setLevel(logging.WARNING)  # one line per request, with its URL

MAX_BYTES = 20 * 2**20
"""The longest file that is downloaded, in bytes on the wire."""

MAX_REDIRECTS = 3
"""How many redirects are followed."""

MAX_ADDRESSES = 3
"""How many of a host's addresses are tried."""

SECONDS = 15.0
"""How long a whole download may take, in seconds."""

CONNECT_SECONDS = 4.0
"""How long connecting to one address may take, in seconds."""

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""Gives a host's addresses, as texts."""

_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "2002::/16",  # 6to4, which holds an IPv4 address, as do the two that follow
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2001::/23",  # Teredo and protocol assignments
        "192.88.99.0/24",  # 6to4 relays
    )
)


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet.

    Source: IANA's registries of special-purpose addresses, as ``ipaddress`` knows them.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return False
        if ip not in ipaddress.ip_network("2000::/3"):  # all that was ever given out
            return False
    if ip.is_multicast or ip.is_reserved or ip.is_unspecified or not ip.is_global:
        return False
    return not any(ip in network for network in _NOT_PUBLIC if network.version == ip.version)


async def resolve(host: str) -> list[str]:
    """Return the addresses of a host; none when the system does not know it.

    Args:
        host: A name; the answer for IPv4 comes first.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Downloader:
    """Downloads from a list of hosts.

    Args:
        hosts: Their names, in lower case.
        resolve: Gives a host's addresses.
        transport: Speaks HTTP; over TLS to the address in the URL by default.
    """

    def __init__(
        self,
        hosts: frozenset[str],
        *,
        resolve: Resolve = resolve,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.hosts = hosts
        self._resolve = resolve
        self._transport = transport

    async def download(self, url: str, into: Path) -> None:
        """Download a file.

        Args:
            into: Where to put it; nothing is there yet.

        Raises:
            ToolError: It is not allowed, not there, too large, too slow, or not to be had.
        """
        try:
            async with asyncio.timeout(SECONDS), self._client() as client:
                await self._follow(client, url, into)
        except TimeoutError:
            raise ToolError(f"The download took longer than {SECONDS:g} seconds.") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise ToolError(f"The download broke off ({type(error).__name__}).") from None
        except ssl.SSLError:
            raise ToolError("The host's certificate was not accepted.") from None
        except OSError as error:
            raise ToolError(f"The download failed ({type(error).__name__}).") from None

    def _client(self) -> httpx.AsyncClient:
        timeout = httpx.Timeout(SECONDS, connect=CONNECT_SECONDS)
        verify = _tls() if self._transport is None else True
        return httpx.AsyncClient(
            transport=self._transport, verify=verify, trust_env=False, timeout=timeout
        )

    async def _follow(self, client: httpx.AsyncClient, url: str, into: Path) -> None:
        for _ in range(MAX_REDIRECTS + 1):
            target = self._allowed(url)
            response = await self._open(client, target)
            try:
                location = response.headers.get("location", "")
                if not (response.is_redirect and location):
                    await _save(response, into)
                    return
            finally:
                await response.aclose()
            client.cookies.clear()
            url = str(target.join(location))
        raise ToolError(f"The host redirected more than {MAX_REDIRECTS} times.")

    def _allowed(self, text: str) -> httpx.URL:
        """Return the URL, if it may be asked at all."""
        url = httpx.URL(text)
        host = url.raw_host.decode("ascii", "replace").lower()
        if url.scheme != "https":
            raise ToolError("Only https:// is fetched.")
        if url.userinfo:
            raise ToolError("A URL with a user name or password is not fetched.")
        if url.port not in {None, 443}:
            raise ToolError("Only the usual port of https is fetched from.")
        if host not in self.hosts:
            raise ToolError(f"Fetching from {host[:100]} is not allowed. {self.told_hosts()}")
        return url

    def told_hosts(self) -> str:
        """Return a sentence with the allowed hosts."""
        if not self.hosts:
            return "Fetching is switched off here."
        return f"Allowed are: {', '.join(sorted(self.hosts))}."

    async def _open(self, client: httpx.AsyncClient, url: httpx.URL) -> httpx.Response:
        """Ask at an address that was checked, under the name that was asked for."""
        host = url.raw_host.decode("ascii").lower()
        addresses = await self._resolve(host)
        if not addresses:
            raise ToolError(f"The host {host} was not found.")
        if not all(is_public(address) for address in addresses):
            raise ToolError(f"The host {host} is not at a public address.")
        tried = addresses[:MAX_ADDRESSES]
        for address in tried:
            request = client.build_request(
                "GET",
                url.copy_with(host=address),
                headers={"Host": host, "Accept-Encoding": "identity", "User-Agent": "aicity-fleet"},
                # The certificate has to be the host's, although the URL names the address.
                extensions={"sni_hostname": host},
            )
            try:
                return await client.send(request, stream=True, follow_redirects=False)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if address == tried[-1]:
                    raise
        raise AssertionError  # there is an address


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


async def _save(response: httpx.Response, into: Path) -> None:
    if response.status_code in {401, 403, 404, 410}:
        raise ToolError(
            f"The host answered {response.status_code}: no public repository, or no such ref."
        )
    if response.status_code != 200:
        raise ToolError(f"The host answered {response.status_code}.")
    too_long = ToolError(f"It is larger than {MAX_BYTES // 2**20} MB and was not fetched.")
    length = response.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and (len(length) > 12 or int(length) > MAX_BYTES):
        raise too_long
    received = 0
    with into.open("xb") as file:
        async for piece in response.aiter_raw():  # raw: nothing is unpacked within this process
            received += len(piece)
            if received > MAX_BYTES:
                raise too_long
            file.write(piece)
