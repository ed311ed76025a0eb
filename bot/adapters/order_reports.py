"""
Reports of orders, trades and balances out of the bodies of Binance's spot REST answers.

The bodies are read as they came, not as ccxt understands them: amounts stay exact, an id of twenty digits stays whole,
and an answer that is not about what was asked for is no answer. Unknown fields are ignored, an unknown status proves
nothing, and what cannot be true is a `DataError`. Pure.
"""

from collections.abc import Sequence
from decimal import Decimal

from bot.adapters.binance_words import SIDES, STATUSES
from bot.adapters.order_answers import (
    AccountAnswer,
    CancelledAnswer,
    OrderAnswer,
    PairAnswer,
    PlacedAnswer,
    ShownOrder,
    TimeAnswer,
    TradeRow,
    decoded,
)
from bot.adapters.order_messages import Balance, OrderReport, TradeReport, VenueStatus
from bot.adapters.wire_numbers import exact, is_sound
from bot.core.errors import DataError
from bot.core.orders import BUY, SELL


def venue_symbol(symbol: str) -> str:
    """Binance's name of a market: BTC/USDT is BTCUSDT."""
    return symbol.replace("/", "")


def placed(body: str, symbol: str, client_order_id: str) -> OrderReport:
    """
    The report in the answer to a new order.

    Raises:
        DataError: It is no such answer, or one about another order.
    """
    return _placed(decoded(body, PlacedAnswer), symbol, client_order_id)


def pair_placed(body: str, symbol: str, client_order_ids: tuple[str, str]) -> tuple[OrderReport, OrderReport]:
    """
    The reports in the answer to a new pair, in the order of the ids.

    Raises:
        DataError: It is no such answer, or one of the two is not in it.
    """
    reports = {report.client_order_id: report for report in decoded(body, PairAnswer).order_reports}
    for client_order_id in client_order_ids:
        if client_order_id not in reports:
            raise DataError(f"order {client_order_id} is not in the venue's answer about its pair")
    first, second = (_placed(reports[each], symbol, each) for each in client_order_ids)
    return first, second


def cancelled(body: str, symbol: str, client_order_id: str) -> OrderReport:
    """
    The report in the answer to a cancel.

    Raises:
        DataError: It is no such answer, or one about another order.
    """
    answer = decoded(body, CancelledAnswer)
    _check_same(answer.symbol, answer.orig_client_order_id, symbol, client_order_id)
    return _report(answer, symbol, client_order_id, answer.transact_time)


def shown(body: str, symbol: str, client_order_id: str) -> OrderReport:
    """
    The report in the answer to a question for one order.

    Raises:
        DataError: It is no such answer, or one about another order.
    """
    answer = decoded(body, ShownOrder)
    _check_same(answer.symbol, answer.client_order_id, symbol, client_order_id)
    return _report(answer, symbol, client_order_id, answer.update_time)


def open_orders(body: str, symbols: Sequence[str]) -> tuple[OrderReport, ...]:
    """
    The reports of what is open in these markets; rows of other markets are left out.

    Raises:
        DataError: It is no such answer.
    """
    wanted = {venue_symbol(symbol): symbol for symbol in symbols}
    rows = decoded(body, tuple[ShownOrder, ...])
    return tuple(
        _report(row, wanted[row.symbol], row.client_order_id, row.update_time) for row in rows if row.symbol in wanted
    )


def trades(body: str, symbol: str, venue_order_id: str) -> tuple[TradeReport, ...]:
    """
    The trades of one order.

    Raises:
        DataError: It is no such answer, or one with trades of another order.
    """
    rows = decoded(body, tuple[TradeRow, ...])
    for row in rows:
        if row.symbol != venue_symbol(symbol) or str(row.order_id) != venue_order_id:
            raise DataError(
                f"asked for the trades of order {venue_order_id} in {symbol}, "
                f"the venue told one of order {row.order_id} in {row.symbol}"
            )
    return tuple(_trade(row, symbol, venue_order_id) for row in rows)


def balances(body: str) -> dict[str, Balance]:
    """
    What an account has, by asset; assets of which it has nothing are left out.

    Raises:
        DataError: It is no such answer, or it tells of an asset twice.
    """
    told: dict[str, Balance] = {}
    for row in decoded(body, AccountAnswer).balances:
        if row.asset in told:
            raise DataError(f"the venue tells two balances of {row.asset}")
        told[row.asset] = Balance(exact(row.free), exact(row.locked))
    return {asset: balance for asset, balance in told.items() if balance.total}


def server_time_ms(body: str) -> int:
    """
    The venue's time.

    Raises:
        DataError: It is no such answer.
    """
    return decoded(body, TimeAnswer).server_time


def _trade(row: TradeRow, symbol: str, venue_order_id: str) -> TradeReport:
    quantity, price, fee = _positive(row.qty, "quantity"), _positive(row.price, "price"), exact(row.commission)
    amount = None if row.quote_qty is None else exact(row.quote_qty)
    if not is_sound(symbol, quantity, price, amount, (fee, row.commission_asset)):
        raise DataError(f"trade {row.id} of {quantity} at {price} cannot be true with {amount} paid and a fee of {fee}")
    return TradeReport(
        symbol=symbol,
        venue_order_id=venue_order_id,
        trade_id=str(row.id),
        side=BUY if row.is_buyer else SELL,
        quantity=quantity,
        price=price,
        fee=fee,
        fee_asset=row.commission_asset,
        at_ms=row.time,
    )


def _placed(answer: PlacedAnswer, symbol: str, client_order_id: str) -> OrderReport:
    _check_same(answer.symbol, answer.client_order_id, symbol, client_order_id)
    executions = tuple(
        TradeReport(
            symbol=symbol,
            venue_order_id=str(answer.order_id),
            trade_id=str(fill.trade_id),
            side=SIDES[answer.side],
            quantity=_positive(fill.qty, "quantity"),
            price=_positive(fill.price, "price"),
            fee=exact(fill.commission),
            fee_asset=fill.commission_asset,
            at_ms=answer.transact_time,
            client_order_id=client_order_id,
        )
        for fill in answer.fills
    )
    for trade in executions:
        if not is_sound(symbol, trade.quantity, trade.price, None, (trade.fee, trade.fee_asset)):
            raise DataError(f"trade {trade.trade_id} of {trade.quantity} cannot have cost a fee of {trade.fee}")
    report = _report(answer, symbol, client_order_id, answer.transact_time, executions)
    if sum(trade.quantity for trade in executions) > report.executed:
        raise DataError(f"the fills of order {client_order_id} are more than the {report.executed} that it executed")
    return report


def _report(
    order: OrderAnswer, symbol: str, client_order_id: str, at_ms: int, executions: tuple[TradeReport, ...] = ()
) -> OrderReport:
    quantity, executed = exact(order.orig_qty), exact(order.executed_qty)
    status = STATUSES.get(order.status, VenueStatus.OTHER)
    # An order for an amount of money, which is never ours, has a quantity of 0 until it has traded.
    if executed > quantity > 0:
        raise DataError(f"order {client_order_id} of {quantity} cannot have executed {executed}")
    if status is VenueStatus.FILLED and not executed:
        raise DataError(f"order {client_order_id} cannot be filled without an execution")
    return OrderReport(
        symbol=symbol,
        client_order_id=client_order_id,
        venue_order_id=str(order.order_id),
        status=status,
        quantity=quantity,
        executed=executed,
        at_ms=at_ms,
        reason=order.expiry_reason,
        trades=executions,
    )


def _check_same(told_symbol: str, told_id: str, symbol: str, client_order_id: str) -> None:
    if told_symbol != venue_symbol(symbol) or told_id != client_order_id:
        raise DataError(
            f"asked about order {client_order_id} in {symbol}, the venue told of {told_id!r:.40} in {told_symbol!r:.40}"
        )


def _positive(text: str, name: str) -> Decimal:
    amount = exact(text)
    if not amount:
        raise DataError(f"a trade cannot have a {name} of 0")
    return amount
