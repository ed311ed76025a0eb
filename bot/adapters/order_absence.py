"""
When a venue that does not know an order is believed.

An order that was accepted can be hidden from questions for most of a minute. So it takes several denials with time
between them; a minute after the doubt began it takes one more, since an order that has been filled is in no list, and
a look at all open orders, since the one question may go astray. Pure.
"""

from bot.adapters.order_patience import OrderPatience


class Absence:
    """
    How far the proof has come that a venue does not have an order.

    `since_ms` is when the doubt began, with nothing of the order on its way any more; None while nobody doubts.
    """

    def __init__(self, patience: OrderPatience) -> None:
        self.since_ms: int | None = None
        self._patience = patience
        self._misses = 0
        self._missed_ms = -1
        self._is_denied_late = False
        self._is_not_listed = False

    @property
    def is_suspected(self) -> bool:
        """Whether the venue has denied the order since the doubt began."""
        return self._misses > 0

    @property
    def is_proven(self) -> bool:
        """Whether nothing more has to be asked."""
        return self._misses >= self._patience.misses and self._is_denied_late and self._is_not_listed

    @property
    def late_ms(self) -> int | None:
        """From when on an answer is part of the proof, and not of the patience; None while nobody doubts."""
        return None if self.since_ms is None else self.since_ms + self._patience.absent_ms

    @property
    def look_due_ms(self) -> int | None:
        """From when on a look at the open orders is part of the proof; None where none is needed."""
        return self.late_ms if self._misses >= self._patience.misses and not self._is_not_listed else None

    def begin(self, now: int) -> None:
        """Begin to doubt, unless that has begun."""
        if self.since_ms is None:
            self.since_ms = now

    def end(self) -> None:
        """The order was found, or the proof has been used."""
        self.since_ms = None
        self._misses = 0
        self._is_denied_late = self._is_not_listed = False

    def missed(self, asked_ms: int) -> None:
        """Take one denial, of a question that was asked then."""
        late_ms = self.late_ms
        if self.since_ms is None or late_ms is None or asked_ms < self.since_ms:
            return
        if not self._misses or asked_ms - self._missed_ms >= self._patience.miss_gap_ms:
            self._misses += 1
            self._missed_ms = asked_ms
        self._is_denied_late = self._is_denied_late or asked_ms >= late_ms

    def looked(self, asked_ms: int) -> None:
        """Take a look at all open orders, asked for then, in which the order is not."""
        late_ms = self.late_ms
        self._is_not_listed = self._is_not_listed or (late_ms is not None and asked_ms >= late_ms)
