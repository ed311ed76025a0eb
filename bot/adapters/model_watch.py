"""
Stands where forecasts and closes pass, scores the one by the other, and hands doubts about the model on.

Two thin faces, one around the journal and one around the model, only remember what goes by; judging waits until the
instant is over (`take`), so that no decision waits for it. What is made of a score is decided elsewhere: this knows
neither how a model is judged nor what the engine does about it.
"""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from bot.adapters.model_records import Life
from bot.adapters.model_scores import Scorekeeper, Truth
from bot.core.commands import Deed, Observation, RequestForecast
from bot.core.events import AnyEvent, CandleClosed, ForecastFailed, ForecastReady
from bot.core.ports import Forecaster, Record

_Doubt = TypeVar("_Doubt")


class ModelWatch(Generic[_Doubt]):
    """
    Keeps the score of one run's model.

    Args:
        judge: Told of every forecast whose truth has arrived; returns a doubt where there is a new one.
        life: How long the model may be used; None where it does not say.
        expired: Makes a doubt of the end of its life, from the close at which it came and the reason.
    """

    def __init__(
        self, judge: Callable[[Truth], _Doubt | None], life: Life | None, expired: Callable[[int, str], _Doubt]
    ) -> None:
        self._judge = judge
        self._life = life
        self._expired = expired
        self._scores = Scorekeeper()
        self._truths: list[Truth] = []
        self._ended_ms: int | None = None

    def beside(self, journal: Record) -> "WatchedJournal":
        """The journal, seen through."""
        return WatchedJournal(journal, self.hear)

    def around(self, model: Forecaster) -> "WatchedModel":
        """The model, seen through."""
        return WatchedModel(model, self._scores)

    def hear(self, event: AnyEvent) -> None:
        """Take an event that was written; most are none of its business."""
        if type(event) is CandleClosed:
            truth = self._scores.closed(event)
            if truth is not None:
                self._truths.append(truth)
            if self._life is not None and event.at_ms >= self._life.until_ms:
                self._ended_ms = event.at_ms
        elif type(event) is ForecastReady:
            self._scores.told(event)

    def take(self) -> list[_Doubt]:
        """Judge what has arrived since the last call; the doubts are to be told to the engine, in this order."""
        truths, self._truths = self._truths, []
        doubts = [doubt for doubt in map(self._judge, truths) if doubt is not None]
        if self._life is not None and self._ended_ms is not None:
            doubts.append(self._expired(self._ended_ms, self._life.reason))
            self._life = None
        return doubts

    def retrace(self, events: Iterable[AnyEvent]) -> None:
        """
        Hear again what an earlier session wrote; doubts of then are in its journal and are not raised again.

        Feature rows are not in a journal: what is judged by them begins anew.
        """
        for event in events:
            self.hear(event)
            for truth in self._truths:
                self._judge(truth)
            self._truths.clear()


class WatchedJournal:
    """A `Record` that shows every event to somebody as well."""

    def __init__(self, journal: Record, hear: Callable[[AnyEvent], None]) -> None:
        self._journal = journal
        self._hear = hear

    def append(self, event: AnyEvent) -> None:
        """Write an event, and show it."""
        self._journal.append(event)
        self._hear(event)

    def record(self, deed: Deed) -> None:
        """Write a deed."""
        self._journal.record(deed)

    def observe(self, observation: Observation) -> None:
        """Write an observation."""
        self._journal.observe(observation)

    def step_done(self) -> None:
        """An event and all that it caused are written."""
        self._journal.step_done()

    def keep(self) -> None:
        """Have what is written outlive this process."""
        self._journal.keep()

    def commit(self) -> None:
        """Make what is written durable."""
        self._journal.commit()


class WatchedModel:
    """A `Forecaster` whose questions are remembered until they are answered."""

    def __init__(self, model: Forecaster, scores: Scorekeeper) -> None:
        self._model = model
        self._scores = scores

    @property
    def name(self) -> str:
        """Which bundle answers."""
        return self._model.name

    def forecast(self, request: RequestForecast) -> ForecastReady | ForecastFailed:
        """Answer, and remember the rows that were asked about."""
        self._scores.seen(request.close_time_ms, request.symbols, request.windows)
        return self._model.forecast(request)
