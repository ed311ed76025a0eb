"""
One order, from the wish to its proven end.

An order is handed over once, and asked for ever after. Its end is told when the venue says that it is over and all
that it executed has been counted. Sans-I/O; knows nothing of other orders.
"""

from decimal import Decimal
from typing import Final, assert_never

from bot.adapters.order_absence import Absence
from bot.adapters.order_grids import MarketGrid
from bot.adapters.order_messages import (
    Answered,
    NotSent,
    OrderReport,
    Outcome,
    Refusal,
    Refused,
    TradeReport,
    Unresolved,
    VenueStatus,
)
from bot.adapters.order_outputs import OrderOutput
from bot.adapters.order_patience import OrderPatience
from bot.adapters.order_questions import OrderQuestions, retry_at_ms
from bot.adapters.order_record import OrderRecord
from bot.adapters.order_sending import OrderSending
from bot.adapters.order_stage import PENDING, Stage
from bot.adapters.order_story import OrderStory
from bot.adapters.watched_stops import lacks_room
from bot.core.orders import STOP, WATCHED, ZERO, Intent

_NEVER_SENT: Final = "taken back before it was sent"


class OrderFate:
    """
    What is known of an order, and what has to be asked or said.

    Args:
        intent: The order.
        patience: Durations.
        before: What an earlier process has counted of it.

    `questions` are what has to be asked. `is_vanished` says that the venue had the order and provably does not know
    it any more, which is for the tracker to judge.
    """

    def __init__(self, intent: Intent, patience: OrderPatience, before: Decimal = ZERO) -> None:
        self.intent = intent
        self.stage = Stage.WAITING
        self.record = OrderRecord(intent, before)
        self.absence = Absence(patience)
        self.is_vanished = False
        self._patience = patience
        self._story = OrderStory(intent)
        self.questions = OrderQuestions(intent.symbol, intent.client_order_id, patience)
        self._sending = OrderSending(intent, patience)
        self._confirm_ms = -1
        self._is_unwanted = self._was_lost = self._was_denied = False

    @property
    def protects(self) -> bool:
        """Whether it cuts risk."""
        return self._sending.protects

    @property
    def is_pending(self) -> bool:
        """Whether the venue may have something to tell of it."""
        return self.stage in PENDING

    @property
    def is_at_venue(self) -> bool:
        """Whether the venue has said that it has the order, and not yet that it is over."""
        return self.stage is Stage.KNOWN and self.record.end is None

    @property
    def lacks_coins(self) -> bool:
        """Whether it waits for a look at the account, to learn how much there is to sell."""
        return self.stage is Stage.WAITING and self._sending.short_ms is not None

    def await_sending(self, now: int) -> None:
        """Have it sent as soon as it may be."""
        self.stage = Stage.WAITING
        self.questions.placing.want(now)

    def watch(self, now: int, out: list[OrderOutput]) -> None:
        """Hold a stop here until its price is touched."""
        self.stage, self._sending.was_watched = Stage.WATCHED, True
        self.absence.end()
        self.questions.rest()
        self._story.accepted(WATCHED, now, out)

    def take_up(self, venue_order_id: str, now: int) -> None:
        """Take up an order that the books hold as working. A watched stop may just have been sent."""
        self._story.take_up()
        if venue_order_id == WATCHED:
            self.stage, self._sending.was_watched = Stage.DOUBTED, True
            self.absence.begin(now)
        else:
            self.stage, self.record.venue_order_id = Stage.KNOWN, venue_order_id
        self.confirm(now)

    def lose(self, now: int, out: list[OrderOutput]) -> None:
        """Take up an order that an earlier process has handed over, or has not: nobody has heard of it since."""
        self._was_lost = True
        self._doubt("the process ended before the venue had answered", now, out)
        self.confirm(now)

    def hand_over(self, last: Decimal | None, grid: MarketGrid | None, now: int, out: list[OrderOutput]) -> None:
        """
        Have it sent, if it is time; `last` is the market's price, `grid` what orders have to keep to there now.

        What cuts risk is cut to that. `WAITING` alone leads here: before the first time, and after a proof that nothing
        of it is at the venue (it was not sent or not let in; a watched stop was never sent or proven absent). Nothing
        is sent on a doubt.
        """
        if self.stage is not Stage.WAITING or not self.questions.placing.is_due(now):
            return
        request = self._sending.request(grid, now)
        refusal = self._sending.too_late(now)
        if refusal or request is None:
            self.deny(refusal or "not sent: it is less than the least that the venue takes now", now, out)
            return
        self.record.sent = request.intent.quantity
        self._story.handed_over(request.intent, last)
        self.stage = Stage.HANDED
        self.questions.placed(now, lost_ms=self._patience.answer_ms)
        out.append(request)

    def hold_back(self, reason: str, now: int, out: list[OrderOutput]) -> None:
        """Note that it cannot be sent yet: a stop that was watched here does not protect any more meanwhile."""
        if self.stage is Stage.WAITING and self._sending.was_watched:
            self._story.unknown(f"its price is touched, but it could not be sent yet: {reason}", now, out)

    def found(self, most: Decimal, asked_ms: int, now: int, out: list[OrderOutput], *, is_told: bool) -> None:
        """Take how much there is to sell, by a look at the account; `is_told` says that the engine knows it."""
        short_ms = self._sending.short_ms
        if short_ms is None or asked_ms < short_ms:
            return
        if self._sending.found(most):
            self.questions.placing.again(now)
        elif is_told:
            self._finish(f"not sent: there is no more than {most.normalize():f} to sell", now, out)

    def due_ms(self, speak_from_ms: int, order_from_ms: int) -> int | None:
        """When something is due, where nothing is said and nothing ordered before then; None while nothing is."""
        return self.questions.due_ms(speak_from_ms, order_from_ms, order_from_ms if self._is_shield else speak_from_ms)

    def ask(self, now: int, out: list[OrderOutput], *, may_order: bool) -> None:
        """Ask what is due. A stop is not given up while what is to follow it could not be sent."""
        if self.stage is Stage.HANDED and self.questions.looking.is_due(now):
            self._story.unknown("nobody has said what became of sending it", now, out)
        may_take_back = may_order or not self._is_shield
        out += self.questions.due(self.record.venue_order_id, now, may_take_back=may_take_back)

    def placed(self, outcome: Outcome, now: int, out: list[OrderOutput]) -> None:
        """Take what became of handing it over. What is known by other ways is not doubted again."""
        if isinstance(outcome, Answered):
            self.heard(outcome.report, now, out, asked_ms=self.questions.placing.asked_ms)
            return
        if self.stage is not Stage.HANDED:
            self.confirm(now)
            return
        match outcome:
            case Refused(refusal=Refusal.DUPLICATE) | Unresolved():
                # A venue that has the order already was sent it: whoever sent it twice, this was the second time.
                self._doubt(outcome.reason, now, out)
            case Refused() if lacks_room(self.intent, outcome) and not (self._sending.was_watched or self._is_unwanted):
                self.watch(now, out)
            case NotSent() | Refused(refusal=Refusal.LIMITED | Refusal.FUNDS) if self._is_unwanted:
                self._finish(_NEVER_SENT, now, out)
            case NotSent() | Refused(refusal=Refusal.LIMITED | Refusal.FUNDS) if self.protects:
                # Here alone may the same order go out again: it is proven that nothing of it is there.
                self.questions.looking.rest()
                self.stage = Stage.WAITING
                self.hold_back(outcome.reason, now, out)
                if isinstance(outcome, Refused) and outcome.refusal is Refusal.FUNDS:
                    self._sending.short_ms = now
                else:
                    self.questions.placing.again(now, outcome.retry_at_ms)
            case Refused():
                self.deny(outcome.reason, now, out)
            case NotSent():
                self.deny(f"not sent: {outcome.reason}", now, out)
            case _:
                assert_never(outcome)

    def heard(self, report: OrderReport, now: int, out: list[OrderOutput], *, asked_ms: int | None = None) -> None:
        """Take what the venue says of it; `asked_ms` is when that was asked for, None where it may be of any age."""
        if self._was_denied and self.record.is_alive_in(report):
            # It was believed never to have got there, and others have taken its place: it has to go.
            self.stage, self._is_unwanted, self._was_denied = Stage.KNOWN, True, False
        news = self.record.hear(report, now, asked_ms)
        if self.stage is not Stage.DONE:
            self.absence.end()
            self.is_vanished = False
            if self.stage is not Stage.KNOWN:
                self.questions.looking.rest()
            self.stage = Stage.KNOWN
            if report.status is not VenueStatus.REJECTED or report.executed:
                self._story.accepted(self.record.venue_order_id, now, out)
        self._story.filled(news, now, out)
        self._go_on(now, out)

    def looked_up(self, outcome: Outcome, now: int, out: list[OrderOutput]) -> None:
        """Take what became of a question for it."""
        looking = self.questions.looking
        looking.answered(now)
        if isinstance(outcome, Answered):
            self.heard(outcome.report, now, out, asked_ms=looking.asked_ms)
        elif isinstance(outcome, Refused) and outcome.refusal is Refusal.NOT_FOUND:
            if self.is_at_venue and looking.asked_ms > self.record.known_ms:
                self.absence.begin(looking.asked_ms)
            self.absence.missed(looking.asked_ms)
            self._conclude_absence(now, out)
        if self._is_in_question:
            looking.again(now, retry_at_ms(outcome))

    def trades_told(self, trades: tuple[TradeReport, ...] | None, now: int, out: list[OrderOutput]) -> None:
        """Take all trades of it that the venue shows; None where it could not be asked."""
        counting = self.questions.counting
        counting.answered(now)
        if trades is not None:
            self._story.filled(self.record.hear_trades(trades, counting.asked_ms), now, out)
        if not self.record.trades.is_complete:
            counting.again(now)
        self._go_on(now, out)
        self._conclude_absence(now, out)

    def account_seen(self, report: OrderReport | None, asked_ms: int, now: int, out: list[OrderOutput]) -> None:
        """Take a look at all open orders, asked for then, which shows it or does not."""
        if report is not None:
            self.heard(report, now, out, asked_ms=asked_ms)
            return
        self.absence.looked(asked_ms)
        self._conclude_absence(now, out)
        if self.is_at_venue and self.record.known_ms < asked_ms:
            # Lists of open orders lag and skip: the question for the order itself decides.
            self.questions.looking.want(now)

    def take_back(self, now: int, out: list[OrderOutput]) -> None:
        """Have it cancelled: the wish lasts until the order is over."""
        self._is_unwanted = True
        if self.stage is Stage.WAITING or self.stage is Stage.WATCHED:
            self._finish(_NEVER_SENT, now, out)
        else:
            self._go_on(now, out)

    def taken_back(self, outcome: Outcome, now: int, out: list[OrderOutput]) -> None:
        """Take what became of a cancel. Only the order's own state says whether it is over."""
        taking_back = self.questions.taking_back
        taking_back.answered(now)
        if not self.is_pending:
            return
        taking_back.again(now, retry_at_ms(outcome))
        if isinstance(outcome, Answered):
            self.heard(outcome.report, now, out, asked_ms=taking_back.asked_ms)
        else:
            self.confirm(now)

    def confirm(self, now: int) -> None:
        """Ask where it stands, whatever is believed, until a question that was asked from now on is answered."""
        self._confirm_ms = now
        if self.stage is Stage.DOUBTED or self.is_at_venue:
            self.questions.looking.hurry(now)

    def deny(self, reason: str, now: int, out: list[OrderOutput], *, was_believed: bool = False) -> None:
        """Tell that it is not there, whether or not it was believed to be. Should it turn up, it is taken back."""
        self._was_denied = True
        if not was_believed:
            self._story.rejected(reason, now, out)
        self._finish(reason, now, out)

    def touched(self, now: int, out: list[OrderOutput]) -> None:
        """The price of a watched stop was touched. One that may have been sent before cannot be sent."""
        if self.stage is Stage.WATCHED:
            self.await_sending(now)
        elif self._sending.was_watched and self.stage is Stage.DOUBTED:
            self._story.unknown("its price is touched, but it may have been sent already", now, out)

    def vanish(self, now: int, out: list[OrderOutput]) -> None:
        """Nothing is left of it at the venue, but for what it has traded."""
        self.is_vanished = False
        self.record.close(VenueStatus.CANCELLED, "the venue does not know it any more")
        self._go_on(now, out)

    @property
    def _is_shield(self) -> bool:
        """Whether it is a stop that protects, as far as anybody was told."""
        return self.is_at_venue and self.intent.type is STOP and not self._story.is_over

    @property
    def _is_in_question(self) -> bool:
        """Whether it has to be asked for until something has happened to it."""
        if self.is_at_venue and not self.absence.is_suspected:
            is_stale = self.record.confirmed_ms < self._confirm_ms
            return is_stale or self._sending.was_watched or self.record.takes_liquidity
        return self.is_pending and self.record.end is None

    def _go_on(self, now: int, out: list[OrderOutput]) -> None:
        """Do what follows from all that is known."""
        questions, record = self.questions, self.record
        if self._is_unwanted and (self.stage is Stage.DOUBTED or self.is_at_venue):
            questions.taking_back.want(now)
        if not record.trades.is_complete:
            if record.venue_order_id:
                questions.counting.want(now)
            else:
                questions.looking.again(now)  # whatever tells of the order tells the venue's id too
            return
        questions.counting.rest()
        if self.stage is Stage.KNOWN and record.end is not None:
            self._finish(record.end_reason, now, out)
        elif self._is_in_question:
            questions.looking.again(now)

    def _finish(self, reason: str, now: int, out: list[OrderOutput]) -> None:
        self.stage = Stage.DONE
        self.questions.rest()
        self._story.ended(reason, self.record, now, out)

    def _doubt(self, reason: str, now: int, out: list[OrderOutput]) -> None:
        self.stage = Stage.DOUBTED
        self.absence.begin(now)
        self.questions.looking.rest()
        self._story.unknown(reason, now, out)
        self._go_on(now, out)

    def _conclude_absence(self, now: int, out: list[OrderOutput]) -> None:
        late_ms = self.absence.late_ms
        if late_ms is None or not self.absence.is_proven or not self.is_pending or self.record.end is not None:
            return
        if self.record.venue_order_id and self.record.trades_shown_ms < late_ms:
            self.questions.counting.want(now)  # what it has traded is counted before it is given up
        elif self.stage is Stage.KNOWN:
            self.is_vanished = True
        elif self._sending.was_watched and not self._is_unwanted:
            self.watch(now, out)
        else:
            self.deny("it never reached the venue", now, out, was_believed=self._sending.was_watched or self._was_lost)
