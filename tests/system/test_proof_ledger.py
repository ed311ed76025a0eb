"""An account kept by hand, in exact decimals and without the bot, agrees with the bot about every fill and every mark."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from tests.command_line import BUSY, HOUR_MS, SHARED, candle_words, done, exported, write_markets
from tests.ledger import Audit, Bar, Bars, Fill, audit, read_bars_csv, read_equity, read_fills

BUDGET = Decimal(10_000)
TAKER_FEE_BPS = Decimal(10)
TOP40 = SHARED / "candles/binance/TOP40_USDT-1h_2020-12_2021-07.parquet"


def read_bars_parquet(path: Path) -> dict[str, Bars]:
    """Candles of many markets; a price is the shortest decimal that reads back as the float."""
    import pyarrow.parquet as pq

    columns = pq.read_table(path).to_pydict()
    time = next(name for name in ("date", "time", "timestamp", "open_time") if name in columns)
    bars: dict[str, dict[int, Bar]] = {}
    for symbol, opened, *prices in zip(
        columns["symbol"], columns[time], *(columns[name] for name in Bar._fields), strict=True
    ):
        name = symbol if "/" in symbol else f"{symbol.removesuffix('USDT')}/USDT"
        open_ms = opened if isinstance(opened, int) else round(opened.timestamp() * 1000)
        bars.setdefault(name, {})[open_ms] = Bar(*(Decimal(repr(price)) for price in prices))
    return {symbol: Bars(found, HOUR_MS) for symbol, found in bars.items()}


def audited(run: Path, folder: Path, markets: Mapping[str, Bars]) -> Audit:
    return audit(
        read_fills(folder / "fills.csv"),
        read_equity(folder / "equity.csv"),
        markets,
        budget=BUDGET,
        taker_fee_bps=TAKER_FEE_BPS,
    )


def test_an_account_kept_by_hand_agrees_with_a_busy_run_in_two_markets(tmp_path: Path) -> None:
    files = write_markets(tmp_path, 3_000)
    summary = done("replay", *candle_words(files), *BUSY, "--out", tmp_path / "run")
    tables = exported(tmp_path / "run", tmp_path / "tables")

    markets = {symbol: read_bars_csv(path, HOUR_MS) for symbol, path in files.items()}
    found = audited(tmp_path / "run", tmp_path / "tables", markets)

    denied = sum(row["verdict"] == "denied" for row in tables["decisions"])
    print(f"\n{found}, {denied} denials, {summary['breakers']} breakers")
    assert found.fills >= 500
    assert found.stops >= 50
    assert found.inside_bars >= 50
    assert denied >= 10
    assert summary["breakers"] >= 1
    assert found.held_at_once == 2
    assert found.marks == len(tables["equity"]) >= 2_000
    assert (summary["fills"], summary["stop_exits"], summary["denied"]) == (found.fills, found.stops, denied)
