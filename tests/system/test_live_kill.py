"""
A live bot that is killed with `kill -9` at random moments and started again, on an exchange that outlives it.

Everything is a process of its own, in real time that runs faster: the exchange keeps the orders while the bot is dead.
In the end the venue's books are held against the journal: no order doubled, none lost, all protected.
"""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from bot.adapters.journal_reader import read_run
from bot.core.events import Event, OrderFilled
from tests.command_line import command, environment, say
from tests.live_world import API_KEY, MAIN, SECRET, SWINGS
from tests.run_tail import Tail, blocks_of, tail_of

SPEED = "240"
LAST_WORDS_MS = 240_000
"""A second, as fast as the market goes."""

KEYS = {"CANDLEWICK_API_KEY": API_KEY, "CANDLEWICK_API_SECRET": SECRET}

_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(["bot.cli.main", "bot.cli.telling", "bot.compose.live_run", "ccxt.async_support"])


class Venue(Struct):
    """An exchange that runs: the file of its first line, and where it is controlled."""

    ready: Path
    control_url: str

    def books(self) -> dict[str, Any]:
        """Orders, trades and balances of the account, as the venue has them."""
        with urllib.request.urlopen(f"{self.control_url}/orders?account={MAIN}", timeout=30) as answer:  # noqa: S310
            said: dict[str, Any] = json.load(answer)
        return said


@contextmanager
def venue(folder: Path) -> Iterator[Venue]:
    accounts = folder / "accounts.json"
    customer = {"account": MAIN, "api_key": API_KEY, "secret": SECRET, "balances": {"USDT": "100000"}}
    accounts.write_text(json.dumps([customer]))
    accounts.chmod(0o600)
    words = ["exchange", "serve", "--symbol", "BTC/USDT", "--symbol", "ETH/USDT", "--timeframe", "1m", "--speed", SPEED]
    words += ["--accounts", str(accounts), "--tls", str(folder / "tls"), "--control-port", "0"]
    process = subprocess.Popen(
        command(*words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        (folder / "ready.json").write_text(line)
        yield Venue(folder / "ready.json", json.loads(line)["control_url"])
    finally:
        process.kill()
        process.communicate()


def trade(words: list[str], variables: Mapping[str, str]) -> None:
    """What a bot's process does: the command line, in a process that has imported already."""
    os.environ.update(variables)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    from bot.cli.main import main

    main(words)


class Runs:
    """One run, whose process is started again and again."""

    def __init__(self, folder: Path, at: Venue) -> None:
        self.folder = folder / "run"
        strategy = folder / "swings.py"
        strategy.write_text(SWINGS.format(on=2, off=2, period=4))
        self._words = [
            "live",
            "--join",
            str(at.ready),
            "--speed",
            SPEED,
            "--symbol",
            "BTC/USDT",
            "--symbol",
            "ETH/USDT",
        ]
        self._words += ["--timeframe", "1m", "--strategy", str(strategy), "--profile", "lively"]
        self._words += ["--set", "stop.atr_multiple=1.5", "--set", "breakers.daily_loss_frac=0.9"]
        self._words += ["--set", "breakers.drawdown_frac=0.95", "--set", "engine.max_orders_per_day=100000"]
        # This venue's answers are never behind, and the bot seldom lives for a minute.
        self._words += ["--set", "stop.cooldown_candles=0", "--set", "execution.absent_ms=1000"]
        self._words += ["--out", str(self.folder)]

    def start(self) -> ForkServerProcess:
        process = _forking.Process(target=trade, args=(self._words, KEYS))
        process.start()
        return process

    def wait(self, process: ForkServerProcess, blocks: int) -> None:
        """Until so many more blocks are written."""
        target = blocks_of(self.folder) + blocks
        deadline = time.monotonic() + 60.0
        while blocks_of(self.folder) < target:
            process.join(0.003)
            assert process.is_alive(), "the bot ended by itself"
            assert time.monotonic() < deadline, "nothing happens any more"


def killed(runs: Runs, kills: int, seed: int) -> list[Tail]:
    """Kill the run so often, at random moments; what each kill left in the journal."""
    dice = random.Random(seed)  # noqa: S311 - moments, not secrets
    left: list[Tail] = []
    for _ in range(kills):
        process = runs.start()
        runs.wait(process, dice.randint(5, 60))
        process.kill()
        process.join()
        left.append(tail_of(runs.folder))
    return left


def check_books(runs: Runs, at: Venue) -> tuple[int, int]:
    """Hold the venue's books against the journal; the numbers of orders and fills."""
    run = read_run(runs.folder)
    prefix = run.header.run_id[:8]
    said = at.books()
    ours = [order for order in said["orders"] if order["client_order_id"].startswith(prefix)]
    assert len(ours) == len(said["orders"]), "an order that is nobody's"
    doubled = {name: n for name, n in Counter(order["client_order_id"] for order in ours).items() if n > 1}
    assert doubled == {}
    records = list(run.records())
    fills = [one.fill for one in records if isinstance(one, OrderFilled)]
    ended_ms = max(one.at_ms for one in records if isinstance(one, Event))
    heard = {(f.symbol.replace("/", ""), f.trade_id) for f in fills}
    booked = {(f.symbol.replace("/", ""), f.trade_id, f.quantity, f.price, f.fee) for f in fills}
    true = {
        (t["symbol"], str(t["trade_id"]), Decimal(t["quantity"]), Decimal(t["price"]), Decimal(t["commission"]))
        for t in said["trades"]
        # A stop that rests goes on resting, and may be touched when nobody listens any more.
        if t["time_ms"] <= ended_ms - LAST_WORDS_MS or (t["symbol"], str(t["trade_id"])) in heard
    }
    assert booked == true
    return len(ours), len(fills)


def proof(folder: Path, kills: int, seed: int) -> tuple[int, int]:
    """Kill, let it go on, stop it and check; the kills with an open position, and the fills."""
    with venue(folder) as at:
        runs = Runs(folder, at)
        left = killed(runs, kills, seed)
        last = runs.start()
        runs.wait(last, 100)
        assert last.pid is not None
        os.kill(last.pid, signal.SIGTERM)
        last.join(60)
        assert last.exitcode == 0
        orders, fills = check_books(runs, at)
        open_, protected = sum(t.positions > 0 for t in left), sum(t.protected > 0 for t in left)
        say(f"{kills} kills, {open_} with an open position, {protected} with a working stop")
        say(f"{orders} orders, {fills} fills")
    return open_, fills


@pytest.mark.timeout(300)
def test_a_live_bot_that_is_killed_loses_and_doubles_nothing(tmp_path: Path) -> None:
    _, fills = proof(tmp_path, kills=12, seed=1)
    assert fills >= 1  # how much is traded between two kills depends on the machine


@pytest.mark.proof
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [2, 3, 4, 5])
def test_a_live_bot_that_is_killed_very_often_loses_and_doubles_nothing(tmp_path: Path, seed: int) -> None:
    open_, fills = proof(tmp_path, kills=47, seed=seed)
    assert open_ >= 8
    assert fills >= 12  # how much is traded between two kills depends on the machine
