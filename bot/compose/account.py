"""
An account at a venue, opened: its place, its key, its clock, its orders and where its candles come from.

The embedded exchange is started as a process of its own, with an account and a certificate of its own, or joined where
one runs already. The real practice places are reached over the open internet and nowhere else.
"""

import json
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
from msgspec import Struct

from bot.adapters.account_places import AccountPlace, account_place
from bot.adapters.api_keys import Credentials, keep_out_of_logs, read_credentials
from bot.adapters.ban_file import BanFile
from bot.adapters.ccxt_account import open_account
from bot.adapters.ccxt_orders import CcxtOrders
from bot.adapters.exchange_process import END_OF_MARKET, ExchangeProcess, Ready
from bot.adapters.market_standings import MarketStandings
from bot.adapters.rate_budget import RateBudget
from bot.adapters.request_gate import RequestGate
from bot.adapters.run_lock import RunLock
from bot.adapters.venue_clock import VenueClock
from bot.adapters.venue_peers import PUBLIC, LoopbackPeer, VenuePeers
from bot.adapters.venue_session import VenueSession, open_session
from bot.compose.feed_plan import EMBEDDED, EMBEDDED_WORDS
from bot.compose.market_source import EMBEDDED_ORIGIN_MS, InventedMarket, MarketSource
from bot.core.errors import ConfigError, JournalError
from bot.core.market import Timeframe

EMBEDDED_CASH: Final = "100000"
"""Quote currency in an account of the embedded exchange: more than any budget, the rest is foreign money."""

_KEY_LETTERS: Final = 64
_OTHERS_WRITE: Final = 0o002


class AccountRequest(Struct, frozen=True):
    """
    Which account is meant.

    `keys` is a folder that holds the key; None reads the environment, and makes one up for an embedded exchange of our
    own. `join` is a file with the first line of an embedded exchange that runs already.
    """

    place: str = EMBEDDED
    keys: Path | None = None
    join: Path | None = None


class Account(Struct, frozen=True):
    """
    An open account, and the candles of its place.

    One that `begins_anew` is at an exchange of the session's own, which knows nothing of the sessions before.
    """

    place: AccountPlace
    credentials: Credentials
    peers: VenuePeers
    ca_file: Path | None
    session: VenueSession
    gate: RequestGate
    clock: VenueClock
    orders: CcxtOrders
    standings: MarketStandings
    source: MarketSource
    speed: float
    begins_anew: bool = False


@asynccontextmanager
async def open_at(
    asked: AccountRequest,
    invented: InventedMarket,
    symbols: Sequence[str],
    timeframe: Timeframe,
    from_ms: int,
    until_ms: int | None,
) -> AsyncIterator[Account]:
    """
    Open an account; at the end everything that was opened for it is closed.

    Args:
        asked: Which one.
        invented: What an embedded exchange of our own makes up.
        symbols: The markets.
        timeframe: Of the candles.
        from_ms: Where the market of an embedded exchange of our own takes up.
        until_ms: Where it ends; None never ends.

    Raises:
        ConfigError: The place is unknown or keeps real money, the key is missing, or another process uses the account.
        VenueError: The place cannot be reached.
    """
    place = account_place(asked.place)
    async with AsyncExitStack() as held:
        ca_file = None
        if place.is_local:
            credentials, ready = await _embedded(asked, invented, symbols, timeframe, from_ms, until_ms, held)
            peers = _local_peers(place, ready)
            ca_file = Path(ready.ca_file)
            state = Path(ready.ca_file).parent
        else:
            credentials = read_credentials(os.environ, asked.keys)
            peers = VenuePeers({place.rest_host: PUBLIC, place.socket_host: PUBLIC})
            state = _state_folder()
        keep_out_of_logs(credentials)
        _lock(state, credentials, held)
        speed = float(invented.speed) if place.is_local else 1.0
        clock = VenueClock(speed, expected_ms=from_ms if place.is_local else None)
        gate = RequestGate(RateBudget(), clock, BanFile(state / f"{place.name}.silence"))
        session = await held.enter_async_context(open_session(peers, gate, ca_file=ca_file))
        standings = MarketStandings()
        orders = CcxtOrders(open_account(place, credentials, session, clock), clock, standings)
        held.push_async_callback(orders.close)
        clock.ask_by(orders.time_ms)
        await clock.measure()
        if place.is_local:
            label = f"invented market, seed {invented.seed}, with a planted AR(1) edge of rho = {invented.rho}"
            stream_url = "ws" + ready.url.removeprefix("http")
            source = MarketSource(clock, label, EMBEDDED_WORDS, stream_url, ready.url, END_OF_MARKET)
        else:
            source = MarketSource(clock, f"{place.name}, in real time", place.name)
        yield Account(
            place,
            credentials,
            peers,
            ca_file,
            session,
            gate,
            clock,
            orders,
            standings,
            source,
            speed,
            begins_anew=place.is_local and asked.join is None,
        )


async def _embedded(
    asked: AccountRequest,
    invented: InventedMarket,
    symbols: Sequence[str],
    timeframe: Timeframe,
    from_ms: int,
    until_ms: int | None,
    held: AsyncExitStack,
) -> tuple[Credentials, Ready]:
    if asked.join is not None:
        return read_credentials(os.environ, asked.keys), _read_ready(asked.join)
    folder = Path(held.enter_context(TemporaryDirectory(prefix="candlewick-")))
    credentials = Credentials(secrets.token_hex(_KEY_LETTERS // 2), secrets.token_hex(_KEY_LETTERS // 2))
    accounts = _write_account(folder, credentials, symbols)
    arguments = [word for symbol in symbols for word in ("--symbol", symbol)]
    arguments += ["--timeframe", timeframe.value, "--seed", str(invented.seed), "--rho", str(invented.rho)]
    arguments += ["--start", str(EMBEDDED_ORIGIN_MS), "--from", str(from_ms), "--speed", invented.speed]
    arguments += ["--accounts", str(accounts), "--tls", str(folder)]
    if invented.faults is not None:
        arguments += ["--faults", str(invented.faults)]
    if until_ms is not None:
        arguments += ["--count", str(max((until_ms - from_ms) // timeframe.ms, 1))]
    process = await held.enter_async_context(await ExchangeProcess.start(arguments))
    return credentials, process.ready


def _write_account(folder: Path, credentials: Credentials, symbols: Sequence[str]) -> Path:
    path = folder / "accounts.json"
    quotes = {symbol.partition("/")[2] for symbol in symbols}
    customer = {
        "account": "bot",
        "api_key": credentials.api_key,
        "secret": credentials.secret,
        "balances": dict.fromkeys(sorted(quotes), EMBEDDED_CASH),
    }
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as out:
        json.dump([customer], out)
    return path


def _read_ready(path: Path) -> Ready:
    try:
        _check_own(path)
        ready = msgspec.json.decode(path.read_bytes().partition(b"\n")[0], type=Ready)
        if ready.ca_file:
            _check_own(Path(ready.ca_file))
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"--join {path} is not what `candlewick exchange serve` printed first: {error}") from None
    if not (ready.tls_url and ready.ca_file):
        raise ConfigError(f"the exchange of --join {path} keeps no accounts: start it with --accounts and --tls")
    return ready


def _check_own(path: Path) -> None:
    """See that nobody else wrote a file that says whom to trust: a key is shown to whoever it names."""
    found = path.stat()
    if found.st_uid != os.geteuid() or found.st_mode & _OTHERS_WRITE:
        raise ConfigError(
            f"{path} belongs to another user or can be written by others: join an exchange that you started yourself"
        )


def _local_peers(place: AccountPlace, ready: Ready) -> VenuePeers:
    plain, private = LoopbackPeer.at(ready.url), LoopbackPeer.at(ready.tls_url)
    return VenuePeers({place.rest_host: private, place.socket_host: private, plain.address: plain})


def _state_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    folder = Path(base) / "candlewick"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _lock(state: Path, credentials: Credentials, held: AsyncExitStack) -> None:
    """One process an account: two would count each other's orders as foreign money's."""
    folder = state / f"account-{sha256(credentials.api_key.encode()).hexdigest()[:12]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        held.callback(RunLock(folder).release)
    except JournalError as error:
        raise ConfigError(f"this account is traded by another process already ({error}): stop that one first") from None
