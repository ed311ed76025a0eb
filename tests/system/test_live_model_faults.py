"""
Row P3 of the fault table: the model of a live bot answers nonsense, falls over or takes its time, with a position open.

The model is the shipped one in its own runtime; what comes back from that is spoiled. The bot's strategy would buy and
sell on any answer, whatever it says.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bot.adapters.journal_reader import read_run
from bot.core.commands import Decided, Verdict
from bot.core.errors import ModelError
from bot.core.forecast import Forecast
from bot.engine import instants
from strategies.forecasting import serving
from strategies.forecasting.calibration import Calibration
from strategies.forecasting.serving import BundleForecaster
from tests.command_line import DEMO_BUNDLE, say
from tests.exchange_hand import Hand
from tests.live_invariants import Checked, Record, breaks
from tests.live_world import Bot, Exchange
from tests.order_scenarios import play
from tests.order_wire import placed, watch
from tests.process_faults import Answer, Mood, Stake, measured_in_market_time, moody_model, rarely, stake, stand_still

proof = pytest.mark.proof
FAR_STOPS = {"stop.atr_multiple": "8"}
MINUTES = 5


def no_number(said: Answer) -> Answer:
    return np.full_like(said, np.nan)


def one_without(said: Answer) -> Answer:
    said[0] = np.nan
    return said


def one_without_end(said: Answer) -> Answer:
    said[-1, 1] = np.inf
    return said


def too_narrow(said: Answer) -> Answer:
    return said[:, :1]


def one_for_all(said: Answer) -> Answer:
    return said[:1]


def falls_over(said: Answer) -> Answer:
    raise RuntimeError("a node of the graph has failed")


def out_of_memory(said: Answer) -> Answer:
    raise MemoryError


def takes_its_time(said: Answer) -> Answer:
    stand_still(4)
    return said


def hangs(said: Answer) -> Answer:
    stand_still(20)
    return said


MOODS: dict[str, tuple[Mood, str]] = {
    "no number": (no_number, "the model's answer for BTC/USDT is not finite"),
    "no number for one market": (one_without, "the model's answer for BTC/USDT is not finite"),
    "an infinite number for one": (one_without_end, "the model's answer for ETH/USDT is not finite"),
    "half of an answer": (too_narrow, "the model answered 2 windows with an array of (2, 1)"),
    "one answer for all": (one_for_all, "the model answered 2 windows with an array of (1, 2)"),
    "falls over": (falls_over, "the model's graph refused windows of (2, 60, 25): a node of the graph has failed"),
    "is out of memory": (out_of_memory, "the model's graph refused windows of (2, 60, 25)"),
    "takes its time": (takes_its_time, "the forecast came too late"),
    "hangs": (hangs, "the forecast came too late"),
}
"""What the model does, and what the journal says of each market that was not decided for it."""


def in_a_mood(
    folder: Path, mood: Mood, overrides: dict[str, str] | None = None
) -> tuple[Checked, Bot, Exchange, list[Decided]]:
    """
    Spoil the model's answers for some minutes from when a stop rests; afterwards it is itself again.

    Returns:
        Besides what `play` does, what was decided meanwhile.
    """
    spans: list[int] = []
    stakes: list[Stake] = []

    async def sulk(exchange: Exchange, bot: Bot) -> None:
        await Hand(exchange).a_stop()
        await Hand(exchange).minutes(0.3)
        spans.append(exchange.now_ms)
        moods.mood = mood
        await bot.for_candles(2 * MINUTES)
        stakes.append(stake(exchange))
        moods.mood = None
        spans.append(exchange.now_ms)
        await bot.for_candles(4)

    with moody_model() as moods, measured_in_market_time():
        checked, bot, exchange = play(
            folder,
            minutes=2,
            quiet_minutes=2,
            at_first=watch,
            meanwhile=sulk,
            in_play=0,
            bundle=DEMO_BUNDLE,
            overrides={**FAR_STOPS, **(overrides or {})},
        )
    assert moods.answers >= MINUTES - 1
    say(f"{moods.answers} answers spoiled, at the end of them {stakes[0]}")
    no_order_from_it(exchange, *spans)
    assert placed(exchange, spans[1])
    assert stakes[0].stops == stakes[0].positions > 0
    return checked, bot, exchange, _decided(list(read_run(bot.run_folder).records()), *spans)


def no_order_from_it(exchange: Exchange, from_ms: int, until_ms: int) -> None:
    assert placed(exchange, from_ms, until_ms) == []


def _decided(records: Sequence[Record], from_ms: int, until_ms: int) -> list[Decided]:
    return [one for one in records if isinstance(one, Decided) and from_ms <= one.close_time_ms <= until_ms]


@pytest.mark.parametrize(
    "mood",
    rarely(MOODS, "no number", "an infinite number for one", "half of an answer", "is out of memory", "takes its time"),
)
def test_no_order_comes_from_an_answer_that_is_none(tmp_path: Path, mood: str) -> None:
    answer, reason = MOODS[mood]
    checked, _, _, decided = in_a_mood(tmp_path, answer)
    assert {one.verdict for one in decided} == {Verdict.NO_FORECAST}
    assert all(one.reason.startswith(reason) for one in decided)
    assert checked.fills >= 4


def test_without_looking_at_the_numbers_the_engine_still_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_first_broken", lambda _: None)
    *_, decided = in_a_mood(tmp_path, no_number)
    assert {one.reason for one in decided} == {"the forecast is not a number"}


def test_without_anybody_who_looks_at_the_numbers_they_are_traded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def say_so(calibration: Calibration, symbol: str, logit: float, sigma: float) -> Forecast:
        return Forecast(symbol, 0.5, logit, logit, logit, logit)

    monkeypatch.setattr(serving, "_first_broken", lambda _: None)
    monkeypatch.setattr(Calibration, "forecast", say_so)
    monkeypatch.setattr(instants, "isfinite", lambda _: True)
    with breaks("no_order_from_it"):
        in_a_mood(tmp_path, no_number)


def test_without_an_answer_for_each_market_all_are_traded_by_that_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BundleForecaster, "_ask", lambda model, windows: model._run(windows))
    with breaks("no_order_from_it"):
        in_a_mood(tmp_path, one_for_all)


def test_without_a_word_for_it_a_model_that_falls_over_ends_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other(Exception):
        pass

    monkeypatch.setattr(serving, "ModelError", Other)
    with pytest.raises(BaseExceptionGroup) as ended:
        in_a_mood(tmp_path, falls_over)
    assert ended.group_contains(ModelError)


def test_without_a_deadline_a_forecast_is_traded_on_when_it_comes(tmp_path: Path) -> None:
    with breaks("decided_fresh"):
        in_a_mood(tmp_path, hangs, {"engine.forecast_deadline_ms": "3600000"})
