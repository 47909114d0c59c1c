"""Where a request comes from, in spite of proxies and of clients who forge their headers."""

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache

from django.conf import settings

from ..config.environment import Network


def _canonical(address: str) -> str:
    """An IPv4 client of an IPv6 socket is an IPv4 client."""
    ip = ipaddress.ip_address(address)
    return str(ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else str(ip)


def _without_port(address: str) -> str:
    """Some gateways write one: 203.0.113.5:4711, [2001:db8::1]:443."""
    if address.startswith("["):
        inside, _, port = address[1:].partition("]")
        return inside if re.fullmatch(r"(:[0-9]+)?", port) else ""
    host, _, port = address.partition(":")
    return host if "." in host and port.isdecimal() else address


def _peer(headers: Mapping[str, str]) -> str:
    address = headers["REMOTE_ADDR"]
    return _canonical(address) if ":" in address else address


def client_address(headers: Mapping[str, str]) -> str:
    """The right-most address of X-Forwarded-For that is no trusted proxy, if the peer is one."""
    address = _peer(headers)
    if not settings.ENV.trusted_proxies or not is_trusted(address):
        return address
    forwarded = headers.get("HTTP_X_FORWARDED_FOR", "")
    for item in reversed(forwarded.split(",")):
        try:
            candidate = _canonical(_without_port(item.strip()))
        except ValueError:
            break  # from here on it says nothing; the last trusted peer is what is known
        address = candidate
        if not is_trusted(address):
            break
    return address


def came_by_https(headers: Mapping[str, str]) -> bool:
    """Whether a trusted proxy says so; TLS does not end here."""
    return (
        bool(settings.ENV.trusted_proxies)
        and headers.get("HTTP_X_FORWARDED_PROTO") == "https"
        and is_trusted(_peer(headers))
    )


def is_trusted(address: str) -> bool:
    return _is_within(address, settings.ENV.trusted_proxies)


@lru_cache(maxsize=1024)
def _is_within(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in networks)


@lru_cache(maxsize=8192)
def rate_limit_key(address: str) -> str:
    """An IPv6 client commands a whole /64, so that is what is counted."""
    if ":" in address:
        network = ipaddress.ip_network((address, 64), strict=False)
        return f"a:{network}"
    return f"a:{address}"
