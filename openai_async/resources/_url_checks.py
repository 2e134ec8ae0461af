"""Which URLs of a reply may be fetched.

A reply comes from a server, and what it names may be chosen by whoever wrote the prompt. What only this machine or its
network can reach is therefore not fetched for it, unless the client itself talks to a server there.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Final
from urllib.parse import urlsplit

import anyio

from openai_async.errors import InvalidParameterError

_ADDRESS: Final = re.compile(r"(?!.*\\)[!-~]+\Z")
#: Networks inside of providers that Python counts as public: addresses of carriers, of Alibaba's and Azure's metadata.
_MORE_INSIDE: Final = tuple(map(ipaddress.ip_network, ("100.64.0.0/10", "168.63.129.16/32", "fec0::/10")))


async def check_address(field: str, url: str, base_url: str) -> None:
    """Refuse a URL that is not https, or is in a private network that the client does not talk to.

    A name that cannot be looked up here is left to who sends the request: it may be a proxy that knows it.

    Raises:
        InvalidParameterError: names the field and the reason, and shows no part of the address.

    Cancelling leaves nothing behind: nothing was sent.
    """
    try:
        parts, own = urlsplit(url), urlsplit(base_url)
        port = parts.port  # reading it checks it
    except ValueError:
        raise InvalidParameterError(field, "is not a URL") from None
    host = parts.hostname
    at_home = (parts.scheme, host, port) == (own.scheme, own.hostname, own.port)
    if not _ADDRESS.match(url) or not host or "@" in parts.netloc or not (parts.scheme == "https" or at_home):
        raise InvalidParameterError(field, "must be https, or on the server that made the picture")
    if at_home:
        return
    kinds = {kind for address in await _addresses(host) if (kind := _kind(address)) is not None}
    if kinds and not kinds <= {_kind(address) for address in await _addresses(own.hostname or "")}:
        raise InvalidParameterError(field, f"is not fetched: its host is at a {' and '.join(sorted(kinds))} address")


async def _addresses(host: str) -> list[str]:
    try:
        entries = await anyio.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(entry[4][0]) for entry in entries]


def _kind(text: str) -> str | None:
    """The kind of private network that an address is in; None for a public address."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):  # that of IPv4 may stand inside of one of IPv6
        sixth = address
        address = sixth.ipv4_mapped or sixth.sixtofour or _translated(sixth) or sixth
    if address.is_loopback or address.is_unspecified:
        return "loopback"
    if address.is_link_local:
        return "link-local"
    if address.is_multicast or not address.is_global or any(address in network for network in _MORE_INSIDE):
        return "private"
    return None


def _translated(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside a NAT64 address (64:ff9b::/96)."""
    if address in ipaddress.ip_network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None
