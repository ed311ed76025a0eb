"""Whom a bot trusts that joins an exchange which runs already."""

import json
from pathlib import Path

import pytest

from bot.compose.account import AccountRequest, open_at
from bot.compose.market_source import InventedMarket
from bot.core.errors import ConfigError
from bot.core.market import Timeframe


@pytest.fixture
def ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What an exchange printed that nobody answers for."""
    monkeypatch.setenv("CANDLEWICK_API_KEY", "k" * 64)
    monkeypatch.setenv("CANDLEWICK_API_SECRET", "s" * 64)
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text("no certificate")
    path = tmp_path / "ready.json"
    write(path, tls_url="https://127.0.0.1:9")
    return path


def write(path: Path, *, tls_url: str) -> None:
    line = {"url": "http://127.0.0.1:9", "tls_url": tls_url, "ca_file": str(path.parent / "ca.pem")}
    path.write_text(json.dumps(line) + "\n")


async def join(ready: Path) -> None:
    async with open_at(AccountRequest(join=ready), InventedMarket(speed="1"), ["BTC/USDT"], Timeframe.H1, 0, None):
        raise AssertionError("nobody is there")


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["ready.json", "ca.pem"])
async def test_what_others_could_have_written_is_not_trusted(ready: Path, name: str) -> None:
    (ready.parent / name).chmod(0o666)
    with pytest.raises(ConfigError, match=f"{name} belongs to another user or can be written by others"):
        await join(ready)


@pytest.mark.asyncio
@pytest.mark.parametrize("url", ["https://203.0.113.7:443", "https://localhost:443"])
async def test_an_exchange_that_is_not_on_this_machine_is_not_joined(ready: Path, url: str) -> None:
    write(ready, tls_url=url)
    with pytest.raises(ConfigError, match="which is not this machine"):
        await join(ready)


@pytest.mark.asyncio
async def test_a_certificate_that_is_none_is_refused_before_anybody_is_talked_to(ready: Path) -> None:
    with pytest.raises(ConfigError, match="holds no certificates"):
        await join(ready)
