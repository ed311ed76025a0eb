"""An account kept by hand, in exact decimals, agrees with the bot about every fill and every mark."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import BUSY, HOUR_MS, SHARED, candle_words, done, exported, say, write_markets
from tests.ledger import Account, Audit, Bar, Bars, Fill, audit, read_bars_csv, read_equity, read_fills

BUDGET = Decimal(10_000)
TAKER_FEE_BPS = Decimal(10)
TOP40 = SHARED / "candles/binance/TOP40_USDT-1h_2020-12_2021-07.parquet"


def read_bars_parquet(path: Path, first: str) -> dict[str, Bars]:
    """Candles of many markets from a day on; a price is the shortest decimal that reads back as the float."""
    import pyarrow.parquet as pq

    since = datetime.fromisoformat(f"{first}T00:00+00:00")
    columns = pq.read_table(path, filters=[("date", ">=", since)]).to_pydict()
    bars: dict[str, dict[int, Bar]] = {}
    prices = (columns[name] for name in Bar._fields)
    for symbol, opened, *row in zip(columns["symbol"], columns["date"], *prices, strict=True):
        bar = Bar(*(Decimal(repr(price)) for price in row))
        bars.setdefault(symbol.replace("_", "/"), {})[round(opened.timestamp() * 1000)] = bar
    return {symbol: Bars(found, HOUR_MS) for symbol, found in bars.items()}


def audited(folder: Path, markets: Mapping[str, Bars]) -> Audit:
    return audit(
        read_fills(folder / "fills.csv"),
        read_equity(folder / "equity.csv"),
        markets,
        budget=BUDGET,
        taker_fee_bps=TAKER_FEE_BPS,
    )


def proven(found: Audit, summary: Mapping[str, Any], tables: Mapping[str, list[dict[str, str]]]) -> None:
    """Enough was seen, and the summary counts it as the ledger does."""
    denied = sum(row["verdict"] == "denied" for row in tables["decisions"])
    say(f"{found}, {denied} denials, {summary['breakers']} breakers")
    assert found.fills >= 500
    assert found.stops >= 50
    assert found.inside_bars >= 50
    assert denied >= 10
    assert summary["breakers"] >= 1
    assert found.held_at_once >= 2
    assert found.marks == len(tables["equity"])
    assert (summary["fills"], summary["stop_exits"], summary["denied"]) == (found.fills, found.stops, denied)


def test_an_account_kept_by_hand_agrees_with_a_busy_run_in_two_markets(tmp_path: Path) -> None:
    files = write_markets(tmp_path, 3_000)
    summary = done("replay", *candle_words(files), *BUSY, "--out", tmp_path / "run")
    tables = exported(tmp_path / "run", tmp_path / "tables")

    markets = {symbol: read_bars_csv(path, HOUR_MS) for symbol, path in files.items()}
    found = audited(tmp_path / "tables", markets)

    proven(found, summary, tables)
    assert found.marks == 3_000


def test_an_account_kept_by_hand_agrees_where_there_is_little_to_trade_against(tmp_path: Path) -> None:
    files = write_markets(tmp_path, 2_000)
    thin = ("--set", "costs.participation_frac=0.00002")
    summary = done("replay", *candle_words(files), *BUSY, *thin, "--out", tmp_path / "run")
    exported(tmp_path / "run", tmp_path / "tables")

    found = audited(tmp_path / "tables", {symbol: read_bars_csv(path, HOUR_MS) for symbol, path in files.items()})

    say(f"{found} of {summary['orders']} orders")
    assert found.fills >= 500


@pytest.mark.proof
@pytest.mark.skipif(not TOP40.is_file(), reason=f"needs {TOP40.name}")
def test_an_account_kept_by_hand_agrees_with_a_busy_run_in_forty_real_markets(tmp_path: Path) -> None:
    first = "2021-05-01"
    span = ("--from", first, "--until", "2021-05-21")
    summary = done("replay", "--candles", TOP40, *span, *BUSY, "--out", tmp_path / "run")
    tables = exported(tmp_path / "run", tmp_path / "tables")

    found = audited(tmp_path / "tables", read_bars_parquet(TOP40, first))

    proven(found, summary, tables)
    assert len({row["symbol"] for row in tables["fills"]}) >= 10
    assert found.held_at_once >= 4


HOLD = [
    Account(0, BUDGET, BUDGET, Decimal(0)),
    Account(HOUR_MS, Decimal(10_020), Decimal(9_900), Decimal(120) / 10_020),
]
BARS = {
    "X/USDT": Bars(
        {
            -HOUR_MS: Bar(Decimal(90), Decimal(101), Decimal(90), Decimal(100)),
            0: Bar(Decimal(100), Decimal(130), Decimal(95), Decimal(120)),
        },
        HOUR_MS,
    )
}
BOUGHT = Fill(
    *(0, 0, "X/USDT", "buy", Decimal(1), Decimal(100), Decimal(100), Decimal(0), Decimal(0)),
    *(Decimal(0), "USDT", "entry"),
)


def test_the_ledger_takes_what_is_right() -> None:
    assert audit([BOUGHT], HOLD, BARS, budget=BUDGET, taker_fee_bps=Decimal(0)).fills == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"price": Decimal("99.99")},
        {"price": Decimal("100.01")},
        {"price": Decimal(99), "slippage_cost": Decimal(-1)},
        {"reference_price": Decimal(99), "slippage_cost": Decimal(1)},
        {"fee": Decimal("0.00000001")},
        {"fee_asset": "X"},
        {"decision_time_ms": 1},
        {"time_ms": -HOUR_MS, "decision_time_ms": -HOUR_MS},
        {"side": "sell"},
        {"quantity": Decimal(2)},
        {"quantity": Decimal(1_000)},
        {"quantity": Decimal(0)},
    ],
)
def test_the_ledger_refuses_what_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        audit([BOUGHT._replace(**changes)], HOLD, BARS, budget=BUDGET, taker_fee_bps=Decimal(0))


@pytest.mark.parametrize("name", ["equity", "cash", "exposure_frac"])
def test_the_ledger_notices_a_mark_that_is_off_by_a_little(name: str) -> None:
    off = HOLD[1]._replace(**{name: getattr(HOLD[1], name) * (1 + Decimal("2e-7"))})
    with pytest.raises(AssertionError):
        audit([BOUGHT], [HOLD[0], off], BARS, budget=BUDGET, taker_fee_bps=Decimal(0))
