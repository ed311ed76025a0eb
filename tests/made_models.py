"""Models that are better or worse than one another by design, and candles that none of them has seen."""

from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace

from bot.core.gaps import Segment
from bot.core.market import Timeframe
from bot.exchange.market import MarketModel, SeededMarket
from strategies.forecasting.bundle import Contents, load_bundle
from strategies.forecasting.calibration import Calibration
from strategies.forecasting.features import SHIPPED
from strategies.forecasting.packing import write_bundle
from tests.command_line import DEMO_BUNDLE, write_candles

SHADOW = 700
UNSEEN_MS = 1_717_200_000_000
"""2024-06-01: after everything that a shipped model has seen."""


def write_shadow_candles(path: Path, count: int = SHADOW) -> Path:
    """Candles of the demonstration's kind of market, `count` of which lie behind `UNSEEN_MS` and a warm-up before."""
    before = SHIPPED.warm_up + 60
    began_ms = UNSEEN_MS - before * Timeframe.H1.ms
    market = SeededMarket(11, "BTC/USDT", Timeframe.H1, MarketModel(planted_rho=0.3), began_ms)
    write_candles(path, market.candles(before + count))
    return path


def made_model(folder: Path, name: str, *, skill: float, seed_spread: float | None = 0.03) -> Path:
    """
    The demonstration's model under another name.

    Args:
        folder: Where its folder goes.
        name: What it is called.
        skill: What its logits are multiplied by: 1 is as it was trained, -1 the opposite.
        seed_spread: How far its seeds differ.
    """
    bundle = load_bundle(DEMO_BUNDLE, SHIPPED)
    fields: dict[str, Any] = {field: getattr(bundle, field) for field in Contents.__struct_fields__}
    trained: Calibration = bundle.calibration
    walked = bundle.metrics["walk_forward"] | {"seed_spread": seed_spread}
    fields |= {
        "calibration": replace(trained, scale=trained.scale * skill),
        "metrics": bundle.metrics | {"walk_forward": walked},
        "data": replace(bundle.data, trained_until_ms=UNSEEN_MS),
    }
    write_bundle(folder / name, name, Contents(**fields), lambda path: None)
    return folder / name


def invented(timeframe: Timeframe, rho: float, seed: int, count: int) -> Segment:
    """Candles of an invented market, as the command line makes them."""
    made = SeededMarket(seed, "BTC/USDT", timeframe, MarketModel(planted_rho=rho, jump_chance=0.0)).candles(count)
    ohlcv = np.column_stack((made.open, made.high, made.low, made.close, made.volume))
    return Segment(made.open_time_ms, ohlcv, np.zeros(count, dtype=np.bool_))
