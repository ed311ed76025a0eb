"""Where a run's journal ends: how far it reaches, what is held, and which stops wait."""

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

from msgspec import Struct

from bot.adapters.journal_reader import read_run
from bot.core.commands import SubmitOrder
from bot.core.errors import JournalError
from bot.core.events import OrderAccepted, OrderCancelled, OrderFilled
from bot.core.orders import OrderType, Side


class Tail(Struct, frozen=True):
    """The blocks that are written, the markets with a position, and those of them whose stop was accepted and waits."""

    blocks: int
    positions: int
    protected: int


def blocks_of(run: Path) -> int:
    """How many blocks the journal has; 0 where there is none yet."""
    try:
        return read_run(run).blocks
    except JournalError:
        return 0


def tail_of(run: Path) -> Tail:
    """Read a journal to its end, and nothing else."""
    record = read_run(run)
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    submitted: dict[str, str] = {}
    waiting: dict[str, str] = {}
    for entry in record.records():
        match entry:
            case SubmitOrder() if entry.approved.intent.type is OrderType.STOP:
                submitted[entry.approved.intent.client_order_id] = entry.approved.intent.symbol
            case OrderAccepted() if entry.client_order_id in submitted:
                waiting[entry.client_order_id] = submitted[entry.client_order_id]
            case OrderCancelled():
                waiting.pop(entry.client_order_id, None)
            case OrderFilled():
                fill = entry.fill
                waiting.pop(fill.client_order_id, None)
                held[fill.symbol] += fill.quantity if fill.side is Side.BUY else -fill.quantity
            case _:
                pass
    positions = {symbol for symbol, quantity in held.items() if quantity > 0}
    return Tail(record.blocks, len(positions), len(positions & set(waiting.values())))
