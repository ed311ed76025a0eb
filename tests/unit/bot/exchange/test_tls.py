"""The exchange under Binance's own names, with a certificate of a throw-away authority."""

import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import ccxt.async_support as ccxt  # type: ignore[import-untyped]
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.core.errors import ConfigError
from bot.exchange.faults import RefuseRequest
from bot.exchange.occasions import Where
from bot.exchange.tls import NAMES, certify
from tests.unit.bot.exchange.trading_exchange import BTC, KEY, SECRET, trading_exchange

NOW = datetime.now(UTC)
SPOT = {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False}


class Here(AbstractResolver):
    """Every name is this machine, at one port."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del port
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=self._port, family=family, proto=0, flags=0),
        ]

    async def close(self) -> None:
        """Nothing is open."""


def trusting(ca_file: Path, port: int) -> aiohttp.ClientSession:
    context = ssl.create_default_context(cafile=str(ca_file))
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Here(port), ssl=context))


@pytest.mark.asyncio
@pytest.mark.parametrize("place", ["live", "testnet", "demo"])
async def test_ccxt_trades_under_the_names_of_every_venue_and_maps_errors_as_it_does_there(tmp_path, place) -> None:
    certified = certify(tmp_path / "tls", NOW)
    busy = RefuseRequest(503, code=-1008, where=Where(client_id="busy"))
    async with trading_exchange(busy) as box:
        port = await box.server.open_also(certified.context)
        async with trusting(certified.ca_file, port) as session:
            options: Any = {
                "apiKey": KEY,
                "secret": SECRET,
                "enableRateLimit": False,
                "timeout_on_exit": 0,
                "options": SPOT,
            }
            client = ccxt.binance({**options, "session": session})
            if place == "testnet":
                client.set_sandbox_mode(True)
            elif place == "demo":
                client.enable_demo_trading(True)
            order = await client.create_order(BTC, "market", "buy", 0.1)
            assert order["status"] == "closed"
            with pytest.raises(ccxt.OperationFailed):
                await client.create_order(BTC, "market", "buy", 0.1, None, {"clientOrderId": "busy"})
            await client.close()
        assert len(box.orders()) == 1


@pytest.mark.asyncio
async def test_streams_and_the_other_port_are_of_the_same_exchange(tmp_path) -> None:
    certified = certify(tmp_path, NOW)
    async with trading_exchange() as box:
        port = await box.server.open_also(certified.context)
        async with trusting(certified.ca_file, port) as session:
            for name in NAMES[:3]:
                async with session.get(f"https://{name}/api/v3/time") as answer:
                    assert answer.status == 200
            async with session.ws_connect("wss://stream.binance.com/ws/btcusdt@kline_1m") as streams:
                assert (await streams.receive_json())["e"] == "kline"
            async with session.ws_connect("wss://ws-api.binance.com/ws-api/v3") as api:
                await api.send_json({"id": 1, "method": "ping"})
                assert (await api.receive_json())["status"] == 200


@pytest.mark.asyncio
async def test_who_trusts_another_authority_hears_nothing(tmp_path) -> None:
    certified, other = certify(tmp_path / "a", NOW), certify(tmp_path / "b", NOW)
    async with trading_exchange() as box:
        port = await box.server.open_also(certified.context)
        async with trusting(other.ca_file, port) as session:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get("https://api.binance.com/api/v3/time")


def test_files_are_their_owner_s_alone_and_the_authority_s_key_is_in_none(tmp_path) -> None:
    folder = tmp_path / "tls"
    certify(folder, NOW)
    certify(folder, NOW)
    assert sorted(path.name for path in folder.iterdir()) == ["ca.pem", "exchange.pem"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder, *folder.iterdir()))
    assert "PRIVATE" not in (folder / "ca.pem").read_text()
    assert (folder / "exchange.pem").read_text().count("PRIVATE KEY-----") == 2


def test_a_folder_that_is_none_is_a_sentence(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        certify(tmp_path / "file", NOW)
