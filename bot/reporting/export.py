"""
A run as CSV tables: fills, equity, forecasts and decisions, written record by record.

Amounts are the exact decimals of the journal and floats their shortest text that reads back as the same float, so
nothing is rounded. A value that is not there is an empty cell. It computes no figure.
"""

import csv
from collections.abc import Iterable
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from bot.core.commands import Decided, Marked, SubmitOrder
from bot.core.errors import StorageError
from bot.core.events import EpochBegan, ForecastReady, OrderFilled
from bot.core.run_record import RunRecord
from bot.reporting.own_fills import FilledOrder, OwnFills

FILLS: Final = "fills.csv"
EQUITY: Final = "equity.csv"
FORECASTS: Final = "forecasts.csv"
DECISIONS: Final = "decisions.csv"

_HEADINGS: Final = {
    FILLS: (
        "time_ms",
        "decision_time_ms",
        "symbol",
        "side",
        "quantity",
        "price",
        "reference_price",
        "spread_cost",
        "slippage_cost",
        "fee",
        "fee_asset",
        "client_order_id",
        "reason",
    ),
    EQUITY: ("time_ms", "equity", "cash", "exposure_frac"),
    FORECASTS: ("close_time_ms", "symbol", "p_up", "expected_return", "lower", "upper", "break_even_bps"),
    DECISIONS: ("close_time_ms", "symbol", "signal", "wanted", "held", "verdict", "reason"),
}


class _Table(Protocol):
    def writerow(self, row: Iterable[object], /) -> object: ...


class Exported(Struct, frozen=True):
    """A table that was written, and how many rows it has below its heading."""

    path: Path
    rows: int


def export_run(record: RunRecord, folder: Path) -> tuple[Exported, ...]:
    """
    Write the tables of a run into a folder, which is made where it is missing; tables in it are replaced.

    Args:
        record: The run, finished or not.
        folder: Where `fills.csv`, `equity.csv`, `forecasts.csv` and `decisions.csv` go.

    Raises:
        StorageError: The folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as files:
            writing = _Writing(
                {
                    name: csv.writer(
                        files.enter_context((folder / name).open("w", encoding="utf-8", newline="")),
                        lineterminator="\n",
                    )
                    for name in _HEADINGS
                }
            )
            writing.write(record)
    except OSError as error:
        raise StorageError(
            f"the tables cannot be written into {folder}: {error.strerror}; name another --out"
        ) from error
    return tuple(Exported(folder / name, rows) for name, rows in writing.rows.items())


class _Writing:
    """The open tables, and the orders that fills refer back to."""

    def __init__(self, tables: dict[str, _Table]) -> None:
        self._tables = tables
        self._own = OwnFills()
        self.rows = dict.fromkeys(tables, 0)
        for name, table in tables.items():
            table.writerow(_HEADINGS[name])

    def write(self, record: RunRecord) -> None:
        for entry in record.records():
            match entry:
                case Decided() as row:
                    self._add(
                        DECISIONS,
                        (
                            row.close_time_ms,
                            row.symbol,
                            row.signal,
                            row.wanted,
                            row.held,
                            row.verdict.value,
                            row.reason,
                        ),
                    )
                case Marked() as mark:
                    self._add(EQUITY, (mark.time_ms, mark.equity, mark.cash, mark.exposure_frac))
                case ForecastReady() as answer:
                    for f in answer.forecasts:
                        row_values = (f.p_up, f.expected_return, f.lower, f.upper, f.break_even_bps)
                        self._add(FORECASTS, (answer.close_time_ms, f.symbol, *row_values))
                case SubmitOrder() as command:
                    self._own.submitted(command)
                case EpochBegan():
                    self._own.begin_epoch()
                case OrderFilled() as event:
                    filled = self._own.filled(event)
                    if filled is not None:
                        self._add_fill(filled)
                case _:
                    pass

    def _add_fill(self, filled: FilledOrder) -> None:
        fill, intent = filled.fill, filled.intent
        self._add(
            FILLS,
            (
                filled.at_ms,
                intent.decided_ms,
                fill.symbol,
                fill.side.value,
                exact(fill.quantity),
                exact(fill.price),
                exact(fill.reference_price),
                exact(fill.spread_cost),
                exact(fill.slippage_cost),
                exact(fill.fee),
                fill.fee_asset,
                fill.client_order_id,
                intent.purpose.value,
            ),
        )

    def _add(self, table: str, row: tuple[object, ...]) -> None:
        self._tables[table].writerow(row)
        self.rows[table] += 1


def exact(amount: Decimal) -> str:
    """Every digit of an amount, and never an exponent, which spreadsheets misread."""
    return format(amount, "f")
