"""
What every session in real time is asked, wherever its orders go, and what that comes to: settings, markets, a model.

Knows nothing of accounts, and opens nothing but the model.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from bot.adapters.journal_reader import StoredRun, read_run
from bot.adapters.model_records import Life
from bot.adapters.no_model import NoModel
from bot.compose.asked import asked_settings, asked_symbol, asked_timeframe
from bot.compose.market_source import MarketSource
from bot.compose.parts import resolve_strategy
from bot.compose.run import plan
from bot.compose.session_parts import ModelGuard, asked_model, floor_ms
from bot.core.events import RunStarted
from bot.core.market import Instrument, Timeframe
from bot.core.ports import Forecaster
from bot.core.run_record import RunRecord
from config.loading import Loaded

if TYPE_CHECKING:
    from strategies.forecasting.bundle import Bundle


class SessionRequest(Struct, frozen=True):
    """
    What every session is asked; the names are those of the command line.

    `for_ms` is market time; None is until stopped. `record` keeps what the session hears of candles on a tape in its
    own folder.
    """

    out: Path
    symbols: tuple[str, ...] = ("BTC/USDT",)
    timeframe: str = "1h"
    bundle: Path | None = None
    runtime: str = "onnx"
    strategy: str = "forecast"
    profile: str | None = None
    overrides: Mapping[str, str] = {}
    cash: str | None = None
    for_ms: int | None = None
    record: bool = False


class Terms(Struct, frozen=True):
    """
    What a session runs by.

    `recorded` is what earlier sessions of the same run wrote; without a need for forecasts there are no `bundle` and
    no `life`, and the model is none.
    """

    loaded: Loaded
    timeframe: Timeframe
    symbols: tuple[str, ...]
    recorded: RunRecord | None = None
    bundle: "Bundle | None" = None
    model: Forecaster = NoModel()
    life: Life | None = None

    @property
    def kept_markets(self) -> tuple[Instrument, ...] | None:
        """The markets with the rules that the run began with, where it is gone on with."""
        if self.recorded is None:
            return None
        markets = self.recorded.header.instruments
        return markets if tuple(one.symbol for one in markets) == self.symbols else None

    def guard(self) -> ModelGuard:
        """The watch over the model, which has seen what earlier sessions did."""
        return ModelGuard(self.bundle, self.life, self.recorded)

    def header(
        self,
        request: SessionRequest,
        instruments: Sequence[Instrument],
        source: MarketSource,
        venue: str,
        inputs: Mapping[str, str],
    ) -> RunStarted:
        """
        Write down what the run's decisions depend on.

        Args:
            request: What these terms came from.
            instruments: The markets.
            source: Where candles come from.
            venue: Whose they are.
            inputs: What decides beside the settings, the markets and the model.
        """
        begun = self.recorded
        return plan(
            self.loaded,
            instruments,
            self.timeframe,
            strategy=request.strategy,
            bundle=self.bundle,
            started_ms=begun.header.at_ms if begun else floor_ms(source.clock.now_ms(), self.timeframe),
            inputs=inputs,
            labels={"market": source.label, "profile": request.profile or "cautious", "signal_venue": venue},
        )


def terms_of(request: SessionRequest) -> Terms:
    """
    Find out what a request comes to: read its settings and its folder, and load the model where one is needed.

    Raises:
        CandlewickError: Settings, markets, model or folder are not what they should be.
    """
    loaded = asked_settings(request.profile, request.overrides, request.cash)
    timeframe = asked_timeframe(request.timeframe)
    # By name: who gets the cash of an instant must not depend on which market was named first.
    symbols = tuple(sorted({asked_symbol(text) for text in request.symbols}))
    recorded = _recorded(request.out)
    if not resolve_strategy(request.strategy, loaded.settings).needs_forecast:
        return Terms(loaded, timeframe, symbols, recorded)
    bundle, model, life = asked_model(request.bundle, request.runtime)
    return Terms(loaded, timeframe, symbols, recorded, bundle, model, life)


def _recorded(folder: Path) -> StoredRun | None:
    return read_run(folder) if (folder / "journal.sqlite").exists() else None
