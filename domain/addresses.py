"""Which network addresses are everybody's, which are somebody's own, and which are for neither."""

from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network


class Reach(StrEnum):
    """Where an address leads. `special`: link-local, where clouds keep credentials, multicast, reserved and such."""

    PUBLIC = "public"
    PRIVATE = "private"
    SPECIAL = "special"


_PRIVATE = tuple(
    ip_network(written)
    for written in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "::1/128",
        "fc00::/7",
    )
)
_IPV6_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_IPV4_BITS = 0xFFFF_FFFF


def reach_of(written: str) -> Reach:
    """Return where an IPv4 or IPv6 address leads. Raises ValueError when it is none."""
    address = _carried(ip_address(written))
    if any(address in network for network in _PRIVATE):
        return Reach.PRIVATE
    # Python calls site-local addresses and what nobody has been given global, too.
    unicast = not address.is_multicast if isinstance(address, IPv4Address) else address in _IPV6_UNICAST
    return Reach.PUBLIC if unicast and address.is_global else Reach.SPECIAL


def _carried(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address only wraps: what is sent to it arrives there."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & _IPV4_BITS)
    return address.ipv4_mapped or address.sixtofour or address
