"""Which addresses are not those of another machine on the internet, as the compiled core tells them apart."""

from __future__ import annotations

import ipaddress
import socket

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
_LOCAL_V6 = tuple(map(ipaddress.ip_network, ("64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96")))  # RFC 8215, 4291, 7915


def private(address: str) -> bool:
    """Not of another machine on the internet. Our own addresses are private, whatever they are."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        behind_gateway = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        if ip in _NAT64:
            behind_gateway = ipaddress.IPv4Address(ip.packed[-4:])
        if behind_gateway:
            return private(str(behind_gateway))
        if ip.is_site_local or any(ip in network for network in _LOCAL_V6):
            return True
    return not ip.is_global or ip.is_multicast or ip.is_reserved or _our_own(str(ip))


def _our_own(address: str) -> bool:
    """Can a socket be bound to it? Only to an address of this machine, unless it lets one be bound to any."""
    return _can_bind(address) and not _can_bind("2001:db8::1" if ":" in address else "192.0.2.1")


def _can_bind(address: str) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
