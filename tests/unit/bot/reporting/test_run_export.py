import csv
from decimal import Decimal

import pytest

from bot.core.commands import Verdict
from bot.core.errors import StorageError
from bot.core.orders import Purpose, Side
from bot.reporting.export import exact, export_run

T0 = 1_704_067_200_000
HOUR = 3_600_000


@pytest.fixture
def tables(new_run, tmp_path):
    """The tables of a small run, as rows of text."""
    run = new_run()
    run.candle(0, 100.0)
    run.forecast(0, 0.1 + 0.2, 0.01)
    run.decide(0, Verdict.SUBMITTED, 'it "clears", they say', signal=0.5)
    run.decide(0, Verdict.NOT_TRADABLE, "warming up", signal=None)
    run.mark(0, 1000.0, cash=999.5, exposure=0.0005)
    run.trade(1, Side.BUY, "0.00000010", "100.10", fee="0.10", purpose=Purpose.ENTRY, costs=("0.00", "0.00"))
    written = export_run(run, tmp_path / "out")
    rows = {}
    for table in written:
        with table.path.open(newline="", encoding="utf-8") as file:
            rows[table.path.name] = list(csv.DictReader(file))
        assert table.rows == len(rows[table.path.name])
    return rows


def test_fills_keep_every_digit_and_name_their_decision(tables):
    assert tables["fills.csv"] == [
        {
            "time_ms": str(T0 + HOUR),
            "decision_time_ms": str(T0 + HOUR),
            "symbol": "BTC/USDT",
            "side": "buy",
            "quantity": "0.00000010",
            "price": "100.10",
            "reference_price": "100.10",
            "spread_cost": "0.00",
            "slippage_cost": "0.00",
            "fee": "0.10",
            "fee_asset": "USDT",
            "client_order_id": "o6",
            "reason": "entry",
        }
    ]


def test_floats_read_back_as_the_same_float(tables):
    (row,) = tables["forecasts.csv"]
    assert float(row["p_up"]) == 0.1 + 0.2
    assert row["close_time_ms"] == str(T0 + HOUR)
    assert list(row) == ["close_time_ms", "symbol", "p_up", "expected_return", "lower", "upper", "break_even_bps"]


def test_equity_has_a_row_for_each_mark(tables):
    assert tables["equity.csv"] == [
        {"time_ms": str(T0 + HOUR), "equity": "1000.0", "cash": "999.5", "exposure_frac": "0.0005"}
    ]


def test_a_decision_without_a_signal_has_empty_cells(tables):
    submitted, not_tradable = tables["decisions.csv"]
    assert submitted["reason"] == 'it "clears", they say'
    assert (submitted["signal"], submitted["verdict"]) == ("0.5", "submitted")
    assert (not_tradable["signal"], not_tradable["wanted"], not_tradable["held"]) == ("", "", "0.0")


def test_the_same_run_gives_the_same_bytes(new_run, tmp_path):
    run = new_run()
    run.mark(0, 1000.0)
    first = [table.path.read_bytes() for table in export_run(run, tmp_path / "a")]
    again = [table.path.read_bytes() for table in export_run(run, tmp_path / "b")]
    assert first == again
    assert b"\r" not in b"".join(first)


def test_a_small_amount_has_no_exponent():
    assert exact(Decimal("1E-8")) == "0.00000001"


def test_a_folder_that_is_a_file_is_refused_in_one_sentence(new_run, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(StorageError, match="name another --out"):
        export_run(new_run(), tmp_path / "taken")
