"""Whom this process may talk to: pairs of a host and an address."""

import ssl
from pathlib import Path

import pytest

from bot.adapters.request_fates import PeerRefused
from bot.adapters.venue_peers import PUBLIC, LoopbackPeer, VenuePeers, tls_context
from bot.core.errors import ConfigError

EMBEDDED = VenuePeers({"api.binance.com": LoopbackPeer(8443), "127.0.0.1": LoopbackPeer(8080, is_tls=False)})
OPEN = VenuePeers({"testnet.binance.vision": PUBLIC})


def test_a_production_name_on_loopback_is_as_it_should_be() -> None:
    EMBEDDED.check("api.binance.com", 443, ("127.0.0.1", 8443), is_tls=True)
    EMBEDDED.check("api.binance.com", 443, ("::ffff:127.0.0.1", 8443, 0, 0), is_tls=True)
    EMBEDDED.check("127.0.0.1", 8080, ("127.0.0.1", 8080), is_tls=False)


@pytest.mark.parametrize(
    "peer_name",
    [
        ("127.0.0.1", 8444),
        ("127.0.0.2", 8443),
        ("54.1.2.3", 443),
        ("10.0.0.1", 8443),
        ("::1", 8443, 0, 0),
        None,
        (),
        "x",
    ],
    ids=str,
)
def test_anybody_else_behind_that_name_is_refused(peer_name) -> None:
    with pytest.raises(PeerRefused):
        EMBEDDED.check("api.binance.com", 443, peer_name, is_tls=True)


def test_a_process_of_this_machine_is_named_by_its_address() -> None:
    assert LoopbackPeer.at("http://127.0.0.1:8080") == LoopbackPeer(8080, is_tls=False)
    assert LoopbackPeer.at("https://127.0.0.2:8443/api") == LoopbackPeer(8443, "127.0.0.2")
    for url in ("127.0.0.1:8080", "ws://127.0.0.1:8080", "http://127.0.0.1", "http://:8080"):
        with pytest.raises(ConfigError, match="no address"):
            LoopbackPeer.at(url)


@pytest.mark.parametrize("address", ["54.1.2.3", "2600:9000::1"])
def test_a_public_host_is_found_on_the_open_internet(address) -> None:
    OPEN.check("testnet.binance.vision", 443, (address, 443), is_tls=True)


@pytest.mark.parametrize(
    "peer_name",
    [
        ("127.0.0.1", 443),
        ("::1", 443),
        ("::ffff:127.0.0.1", 443),
        ("::ffff:10.0.0.1", 443),
        ("10.1.2.3", 443),
        ("192.168.0.1", 443),
        ("169.254.169.254", 443),
        ("fe80::1%eth0", 443),
        ("0.0.0.0", 443),  # noqa: S104 - nobody binds to it
        ("54.1.2.3", 8443),
    ],
    ids=str,
)
def test_a_public_host_is_never_found_nearby(peer_name) -> None:
    with pytest.raises(PeerRefused, match="not the open internet"):
        OPEN.check("testnet.binance.vision", 443, peer_name, is_tls=True)


@pytest.mark.parametrize("host", ["api.binance.com", "evil.example", "127.0.0.1", "", "TESTNET.binance.vision"])
def test_other_hosts_are_refused_by_name(host) -> None:
    with pytest.raises(PeerRefused, match=r"testnet\.binance\.vision"):
        OPEN.admit(host, is_tls=True)


def test_nobody_is_talked_to_without_tls_who_should_be_with_it_nor_the_other_way_round() -> None:
    with pytest.raises(PeerRefused, match="over TLS"):
        OPEN.admit("testnet.binance.vision", is_tls=False)
    with pytest.raises(PeerRefused, match="over TLS"):
        EMBEDDED.admit("api.binance.com", is_tls=False)
    with pytest.raises(PeerRefused, match="without TLS"):
        EMBEDDED.admit("127.0.0.1", is_tls=True)


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("api.binance.com", LoopbackPeer(1, "10.0.0.1")),
        ("api.binance.com", LoopbackPeer(1, is_tls=False)),
        ("localhost", LoopbackPeer(1, is_tls=False)),
    ],
)
def test_a_peer_that_would_send_keys_away_or_in_the_clear_under_a_name_is_refused(host, peer) -> None:
    with pytest.raises(ConfigError):
        VenuePeers({host: peer})


def test_certificates_and_names_are_always_verified(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    context = tls_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.keylog_filename is None


@pytest.mark.parametrize("text", [None, "", "no certificate"])
def test_a_file_without_certificates_is_refused_by_name(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "ca.pem").write_text(text)
    with pytest.raises(ConfigError, match=r"ca\.pem"):
        tls_context(tmp_path / "ca.pem")
