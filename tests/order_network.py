"""
Between the order tracker and a venue: requests are lost, delayed, refused or torn, and answers too.

Everything is chosen by name, so that a test can say it, and a search can find it.
"""

from decimal import Decimal

from bot.adapters.order_messages import (
    AccountLookedUp,
    Answered,
    AnyOrderInput,
    AskAccount,
    AskOrder,
    AskTrades,
    CancelAnswered,
    NotSent,
    OrderLookedUp,
    OrderReport,
    Outcome,
    Placed,
    PlaceOrder,
    Refusal,
    Refused,
    TakeBack,
    TradesLookedUp,
    Unresolved,
)
from bot.core.orders import STOP
from tests.order_choice import Chooser
from tests.order_venue import OrderVenue

HIDDEN_MS = 40_000
"""An order can be hidden from questions for so long after it was placed."""
UNDERWAY_MS = 10_000
"""A request whose answer was lost can still arrive for so long."""
LAG_MS = 5_000
"""What the venue answers from can be so old. All three together stay below a minute: nobody can wait for more."""

Question = PlaceOrder | TakeBack | AskOrder | AskTrades | AskAccount
PIECES = ((1,), (1, 1), (1, 2, 1), (1, 0), (1, -1), (-1,))
"""How a market order may be filled: in parts, with a rest that stays open (0) or expires (below 0)."""


class OrderNetwork:
    """
    The way to a venue and back.

    `waiting` are requests that were made and not served, with the time of each; `on_the_way` are orders whose answer
    is lost and that have yet to arrive. Once `is_fair`, the venue hides nothing any more.
    """

    def __init__(self, venue: OrderVenue, choose: Chooser) -> None:
        self.venue = venue
        self.choose = choose
        self.waiting: list[tuple[int, Question]] = []
        self.on_the_way: list[tuple[int, PlaceOrder]] = []
        self.silent_until_ms = 0
        self.is_fair = False

    def cut(self, now: int) -> None:
        """Nobody waits for an answer any more: orders have arrived, will arrive, or never do."""
        for _, request in self.waiting:
            if isinstance(request, PlaceOrder):
                fate = self.choose.choice(("arrived", "arrives later", "lost"))
                if fate == "arrived":
                    self.place(request, now)
                elif fate == "arrives later":
                    self.on_the_way.append((now + self.choose.choice((1_000, 5_000, UNDERWAY_MS)), request))
        self.waiting.clear()

    def arrive(self, now: int) -> None:
        """What has been on its way for long enough gets there."""
        arrived = [request for at_ms, request in self.on_the_way if at_ms <= now]
        self.on_the_way = [(at_ms, request) for at_ms, request in self.on_the_way if at_ms > now]
        for request in arrived:
            self.place(request, now)

    def place(self, request: PlaceOrder, now: int, pieces: tuple[int, ...] = (1,)) -> OrderReport | Refused:
        """An order gets to the venue, which may hide it for a while."""
        hidden_ms = 0 if self.is_fair else self.choose.choice((0, 0, 5_000, HIDDEN_MS))
        said = self.venue.place(request.intent, now, pieces, hidden_ms=hidden_ms)
        order_id = request.intent.client_order_id
        assert len(self.venue.placed_under(order_id)) <= 1, f"order {order_id} was placed twice"
        if self.is_fair or isinstance(said, Refused) or said.status.is_final:
            return said
        if self.choose.choice((False, False, True)):
            self.venue.denied.add(said.venue_order_id)
        return said

    def serve(self, index: int, fate: str, now: int) -> AnyOrderInput | None:
        """Let something become of one of the requests; None where there is none."""
        if not self.waiting:
            return None
        asked_ms, request = self.waiting.pop(index % len(self.waiting))
        if isinstance(request, PlaceOrder):
            return Placed(now, request.intent.client_order_id, self._placed(request, fate, now))
        if isinstance(request, TakeBack):
            return CancelAnswered(now, request.client_order_id, self._taken_back(request, fate, now))
        return self._told(request, asked_ms, fate, now)

    def _told(
        self, request: AskOrder | AskTrades | AskAccount, asked_ms: int, fate: str, now: int
    ) -> OrderLookedUp | TradesLookedUp | AccountLookedUp:
        at_ms = now - self.choose.choice((1_000, LAG_MS)) if fate == "stale" else now
        is_lost = fate in {"lost request", "lost answer"}
        if isinstance(request, AskOrder):
            said = self.venue.look_up(request.client_order_id, at_ms)
            return OrderLookedUp(now, request.client_order_id, Unresolved("no answer") if is_lost else _outcome(said))
        if isinstance(request, AskTrades):
            trades = self.venue.trades_of(request.venue_order_id, at_ms)
            shown = trades[1::2] if fate == "torn" else trades
            return TradesLookedUp(now, request.client_order_id, None if is_lost else shown)
        orders = self.venue.open_orders(at_ms)
        # Nobody could know of an order that is denied and left out of the list as well.
        kept = [each for each in orders if each.venue_order_id in self.venue.denied] + list(orders[1::2])
        shown_orders = tuple(dict.fromkeys(kept)) if fate == "torn" else orders
        if is_lost:
            return AccountLookedUp(now, asked_ms, None, None, "no answer")
        return AccountLookedUp(now, asked_ms, self.venue.balances(at_ms), shown_orders)

    def _placed(self, request: PlaceOrder, fate: str, now: int) -> Outcome:
        if fate == "not sent" or (request.until_ms is not None and now > request.until_ms):
            return NotSent("no connection", self.choose.choice((None, now + 3_000)))
        if fate == "no room" and request.intent.type is STOP:
            return Refused(Refusal.RULES, "Filter failure: MAX_NUM_ALGO_ORDERS")
        if fate == "refused":
            return Refused(Refusal.OTHER, "no")
        if fate == "banned":
            self.silent_until_ms = now + 20_000
            return Refused(Refusal.BLOCKED, "go away", retry_at_ms=self.silent_until_ms)
        return self._sent(request, fate, now)

    def _sent(self, request: PlaceOrder, fate: str, now: int) -> Outcome:
        if fate == "late":
            self.on_the_way.append((now + self.choose.choice((500, UNDERWAY_MS)), request))
        if fate in {"late", "lost request"}:
            return Unresolved("no answer")
        said = self.place(request, now, self.choose.choice(PIECES))
        if fate == "lost answer":
            return Unresolved("no answer")
        return _outcome(_of_another(said) if fate == "torn" and isinstance(said, OrderReport) else said)

    def _taken_back(self, request: TakeBack, fate: str, now: int) -> Outcome:
        if fate == "lost request":
            return Unresolved("no answer")
        said = self.venue.cancel(request.client_order_id, now)
        if fate == "lost answer":
            # Somebody beneath us may have sent it again, and the second one found nothing.
            again: tuple[Outcome, ...] = (Unresolved("no answer"), Refused(Refusal.NOT_FOUND, "Unknown order sent."))
            return self.choose.choice(again)
        return _outcome(said)


def _outcome(said: OrderReport | Refused) -> Outcome:
    return said if isinstance(said, Refused) else Answered(said)


def _of_another(report: OrderReport) -> OrderReport:
    return OrderReport(report.symbol, "another", "v0", report.status, Decimal(1), Decimal(1), report.at_ms)
