"""What has not happened yet decides nothing: another future leaves everything up to it as it was, to the last byte."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from bot.core.market import Timeframe
from bot.exchange.market import Columns, MarketModel, SeededMarket
from tests.command_line import (
    BUSY,
    HOUR_MS,
    MARKETS,
    candle_words,
    done,
    exported,
    say,
    write_candles,
    write_markets,
)

RUN_DIGITS = 8
"""How much of an order's id says which run it is of: a function of the candles, later ones included."""


def another_future(path: Path, columns: Columns, from_ms: int, seed: int) -> None:
    """Write candles whose prices from a time on are drawn anew: valid, and of no market that ever was."""
    random = np.random.default_rng(seed)
    after = columns.open_time_ms >= from_ms
    prices = np.round(columns.close[0] * np.exp(random.normal(0.0, 0.2, (int(after.sum()), 4))), 2)
    drawn = {"open": prices[:, 0], "high": prices.max(1), "low": prices.min(1), "close": prices[:, 1]}
    changed = {name: np.concatenate([getattr(columns, name)[~after], new]) for name, new in drawn.items()}
    volume = np.where(after, random.uniform(0.0, 1e4, len(columns)).round(3), columns.volume)
    write_candles(path, replace(columns, **changed, volume=volume))


def until(tables: dict[str, list[dict[str, str]]], at_ms: int) -> dict[str, list[dict[str, str]]]:
    """The rows of what was known at `at_ms`, without the digits that name the run."""
    fills = [row for row in tables["fills"] if int(row["time_ms"]) < at_ms]
    return {
        "decisions": [row for row in tables["decisions"] if int(row["close_time_ms"]) <= at_ms],
        "forecasts": [row for row in tables["forecasts"] if int(row["close_time_ms"]) <= at_ms],
        "equity": [row for row in tables["equity"] if int(row["time_ms"]) <= at_ms],
        # A fill at this very time may be one at the next open; those before it are in the equity.
        "fills": [row | {"client_order_id": row["client_order_id"][RUN_DIGITS:]} for row in fills],
    }


def test_another_future_changes_nothing_that_was_decided_before_it(tmp_path: Path) -> None:
    files = write_markets(tmp_path, 3_000)
    markets = {symbol: SeededMarket(7, symbol, Timeframe.H1, MarketModel()).candles(3_000) for symbol in MARKETS}
    done("replay", *candle_words(files), *BUSY, "--out", tmp_path / "run")
    was = exported(tmp_path / "run", tmp_path / "tables")

    for bar in (1_501, 2_600):
        at_ms = int(markets["BTC/USDT"].open_time_ms[bar])
        folder = tmp_path / str(bar)
        folder.mkdir()
        changed = {symbol: folder / path.name for symbol, path in files.items()}
        for seed, symbol in enumerate(MARKETS):
            another_future(changed[symbol], markets[symbol], at_ms, seed)
        done("replay", *candle_words(changed), *BUSY, "--out", folder / "run")
        now = exported(folder / "run", folder / "tables")

        known = until(was, at_ms)
        say(f"up to bar {bar}: " + ", ".join(f"{len(rows)} {name}" for name, rows in known.items()))
        assert until(now, at_ms) == known
        assert len(known["equity"]) == bar
        assert now["decisions"] != was["decisions"]
        assert now["fills"] != was["fills"]
    fills = known["fills"]
    assert len(fills) >= 500
    assert sum(row["reason"] == "stop" for row in fills) >= 50
    assert sum(row["verdict"] == "denied" for row in known["decisions"]) >= 10


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_another_future_changes_no_weight_of_a_model_trained_before_it(tmp_path: Path) -> None:
    columns = SeededMarket(5, "BTC/USDT", Timeframe.H1, MarketModel(planted_rho=0.6)).candles(2_000)
    at_ms = int(columns.open_time_ms[1_872])
    assert at_ms % (24 * HOUR_MS) == 0
    day = np.datetime_as_string(np.datetime64(at_ms, "ms"), unit="D")
    whole, changed = tmp_path / "a" / "BTC_USDT-1h.csv", tmp_path / "b" / "BTC_USDT-1h.csv"
    for path in (whole, changed):
        path.parent.mkdir()
    write_candles(whole, columns)
    another_future(changed, columns, at_ms, seed=3)

    trained = [
        done(
            *("train", "--candles", path, "--until", day, "--folds", 0, "--epochs", 1, "--jobs", 1),
            *("--name", "made", "--source", "made", "--out", path.parent / "made"),
        )
        for path in (whole, changed)
    ]

    assert trained[0]["data"]["rows"] == 1_872
    assert trained[0]["weights_sha256"] == trained[1]["weights_sha256"]
    # The exporter names and orders the nodes of a graph as it likes; what they compute is in the vectors.
    made = [{path.name: path.read_bytes() for path in Path(one["bundle"]).iterdir()} for one in trained]
    for name in made[0].keys() - {"model.onnx", "manifest.json"}:
        assert made[0][name] == made[1][name], name
    assert {"weights.npz", "vectors.npz", "scaler.json", "calibration.json", "metrics.json"} < made[1].keys()
