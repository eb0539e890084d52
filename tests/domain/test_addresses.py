"""Addresses: which may be sent to always, which only where the file says so, and which never."""

import pytest

from domain.addresses import Reach, reach_of


@pytest.mark.parametrize("written", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses(written: str) -> None:
    """What everybody can reach."""
    assert reach_of(written) is Reach.PUBLIC


@pytest.mark.parametrize(
    "written",
    [
        "127.0.0.1",
        "127.255.255.254",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "::1",
        "fd12:3456::1",
    ],
)
def test_private_addresses(written: str) -> None:
    """This machine and somebody's own network, carriers' and overlay networks with it."""
    assert reach_of(written) is Reach.PRIVATE


@pytest.mark.parametrize(
    "written",
    [
        "169.254.169.254",
        "fe80::1",
        "fe80::1%eth0",
        "0.0.0.0",  # noqa: S104  only looked at
        "::",
        "224.0.0.1",
        "ff0e::1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "2001:db8::1",
        "fec0::1",
        "::7f00:1",
        "64:ff9b:1::1",
        "2001::1",
    ],
)
def test_special_addresses(written: str) -> None:
    """Link-local ones, multicast, reserved ones and those that stand in books lead nowhere that anybody could mean."""
    assert reach_of(written) is Reach.SPECIAL


@pytest.mark.parametrize(
    ("written", "reach"),
    [
        ("::ffff:127.0.0.1", Reach.PRIVATE),
        ("::ffff:169.254.169.254", Reach.SPECIAL),
        ("2002:7f00:1::", Reach.PRIVATE),
        ("2002:a9fe:a9fe::", Reach.SPECIAL),
        ("2002:101:101::", Reach.PUBLIC),
        ("64:ff9b::10.0.0.1", Reach.PRIVATE),
        ("64:ff9b::169.254.169.254", Reach.SPECIAL),
        ("64:ff9b::1.1.1.1", Reach.PUBLIC),
    ],
)
def test_an_address_in_another_one_counts(written: str, reach: Reach) -> None:
    """What only wraps an IPv4 address is judged as that: mapped, 6to4 and NAT64."""
    assert reach_of(written) is reach


@pytest.mark.parametrize("written", ["", "localhost", "127.1", "0x7f000001", "2130706433", "10.0.0.1/8"])
def test_what_is_no_address_is_refused(written: str) -> None:
    """Other ways to write one are for whoever looks names up; what comes out of that is judged."""
    with pytest.raises(ValueError, match="does not appear to be"):
        reach_of(written)
