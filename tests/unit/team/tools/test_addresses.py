"""Which addresses belong to the public internet: no other is ever connected to."""

from __future__ import annotations

import pytest

from aicity_fleet.team.tools.download import is_public


@pytest.mark.parametrize("address", ["140.82.121.3", "1.1.1.1", "2606:50c0:8000::153"])
def test_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1"),  # noqa: S104 -- refused
        *("169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1"),
        *("240.0.0.1", "255.255.255.255", "192.88.99.1"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:140.82.121.3", "::ffff:169.254.169.254", "::127.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b:1::a9fe:a9fe", "2002:7f00:1::", "2001:0:7f00:1::"),
        *("2001:db8::1", "100::1", "fec0::1", "4000::1"),
        *("", "localhost", "1.1.1", "0x7f.1", "2130706433"),
    ],
)
def test_not_public(address):
    assert not is_public(address)
