"""
Whom this process may talk to: each allowed host of an address together with who must be found at the other end.

A host name proves nothing by itself: what counts is the pair of the host that was asked for and the address of the
connected socket. Knows nothing of requests.
"""

import ssl
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from msgspec import Struct

from bot.adapters.request_fates import PeerRefused
from bot.core.errors import ConfigError


class PublicPeer(Struct, frozen=True):
    """Whoever the name service names, over TLS: an address of the open internet, at the port that was asked for."""


class LoopbackPeer(Struct, frozen=True):
    """
    A process of this machine, whatever name it goes by.

    Without TLS it is reached only under its own address.
    """

    port: int
    address: str = "127.0.0.1"
    is_tls: bool = True

    @classmethod
    def at(cls, url: str) -> Self:
        """
        The process that answers at an address such as `http://127.0.0.1:8080`.

        Raises:
            ConfigError: It is no such address.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not parts.port:
            raise ConfigError(f"{url!r} is no address of a process on this machine: http://127.0.0.1:PORT is one")
        return cls(parts.port, parts.hostname, is_tls=parts.scheme == "https")


Peer = PublicPeer | LoopbackPeer

PUBLIC: Final = PublicPeer()


class VenuePeers:
    """
    The hosts that may be talked to.

    Args:
        peers: Who must be at the other end, by the host of the address, such as
            `{"api.binance.com": LoopbackPeer(8443)}`.

    Raises:
        ConfigError: A loopback peer is not on loopback, or would be reached by a name and without TLS.
    """

    def __init__(self, peers: Mapping[str, Peer]) -> None:
        self._peers = dict(peers)
        for host, peer in self._peers.items():
            if isinstance(peer, PublicPeer):
                continue
            if not _is_loopback(peer.address):
                raise ConfigError(f"{host} is to be found at {peer.address}, which is not this machine")
            if not peer.is_tls and host != peer.address:
                raise ConfigError(f"{host} is to be reached without TLS: only an address of this machine may be")

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host that may be talked to."""
        return tuple(self._peers)

    def of(self, host: str) -> Peer:
        """
        Look up who is expected under a host.

        Raises:
            PeerRefused: It is not among ours.
        """
        peer = self._peers.get(host)
        if peer is None:
            raise PeerRefused(f"{host} is not among the hosts that may be talked to: {', '.join(self._peers)}")
        return peer

    def admit(self, host: str, *, is_tls: bool) -> Peer:
        """
        See, before anybody is connected, that a host may be talked to in this way.

        Raises:
            PeerRefused: It may not.
        """
        peer = self.of(host)
        wants_tls = isinstance(peer, PublicPeer) or peer.is_tls
        if wants_tls is not is_tls:
            raise PeerRefused(f"{host} is to be talked to {'over' if wants_tls else 'without'} TLS")
        return peer

    def check(self, host: str, port: int, peer_name: object, *, is_tls: bool) -> None:
        """
        See that a connected socket leads to whom it should.

        Args:
            host: Of the address that was asked for.
            port: Likewise.
            peer_name: What the socket says of its other end: address, port and, for IPv6, more.
            is_tls: Whether the connection is encrypted.

        Raises:
            PeerRefused: It does not.
        """
        peer = self.admit(host, is_tls=is_tls)
        if not (isinstance(peer_name, tuple) and len(peer_name) >= 2):
            raise PeerRefused(f"nobody can say who answers for {host}: {peer_name!r}")
        found, found_port = _address(str(peer_name[0])), peer_name[1]
        if isinstance(peer, PublicPeer):
            if not found.is_global or found_port != port:
                raise PeerRefused(f"{host} was answered from {found} port {found_port}, which is not the open internet")
        elif found != _address(peer.address) or found_port != peer.port:
            raise PeerRefused(
                f"{host} was answered from {found} port {found_port} instead of {peer.address} port {peer.port}"
            )


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """
    Make what verifies certificates and host names, always.

    Args:
        ca_file: Certificates (PEM) of whom alone to trust; None for those that the machine trusts.

    Raises:
        ConfigError: The file cannot be read or holds no certificate.
    """
    # Not ssl.create_default_context: that one writes session keys to a file which the environment names.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return context
    try:
        context.load_verify_locations(cafile=ca_file)
    except OSError as error:
        raise ConfigError(f"{ca_file} holds no certificates that can be read: {error}") from error
    return context


def _is_loopback(text: str) -> bool:
    # A name is none: what it leads to is for a name service to say.
    try:
        return ip_address(text).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=64)
def _address(text: str) -> IPv4Address | IPv6Address:
    """Read an address; one of IPv4 in the clothes of IPv6 counts as what it is."""
    # Every request is checked, and reading costs as much as weighing it.
    found = ip_address(text.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
