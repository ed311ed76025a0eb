"""
The parts of a run, made from settings: limits, instruments, strategy, forecaster.

Heavy parts are imported where they are needed, so that a run pays for what it uses.
"""

from decimal import Decimal
from hashlib import sha256
from math import floor, log10
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bot.adapters.paper_broker import PaperBroker
from bot.core.errors import ConfigError, JournalError
from bot.core.events import RunStarted
from bot.core.market import Costs, Instrument
from config.resolved import settings_from
from config.settings import Settings
from risk.limits import RiskLimits, SizingMethod, StopKind
from strategies.buy_and_hold import BuyAndHold
from strategies.forecast_following import ForecastFollowing
from strategies.forecasting.features import SHIPPED
from strategies.loader import load_strategy
from strategies.signal import SignalRule
from strategies.strategy import Strategy

if TYPE_CHECKING:
    from strategies.forecasting.bundle import Bundle
    from strategies.forecasting.serving import BundleForecaster, Run

FORECAST_FOLLOWING: Final = "forecast"
BUY_AND_HOLD: Final = "buy-and-hold"
ONNX: Final = "onnx"
KERAS: Final = "keras"
REFERENCE_BUNDLE: Final = Path(__file__).parents[2] / "strategies/forecasting/bundles/reference-btc-1h"
DEMO_BUNDLE: Final = REFERENCE_BUNDLE.with_name("demo")


def load_forecaster(path: Path, runtime: str = ONNX) -> "tuple[Bundle, BundleForecaster]":
    """
    Load a bundle, start its runtime and have it reproduce its own test vectors.

    Args:
        path: The bundle's folder.
        runtime: `onnx`, or `keras` for the reference that the export is proven against: a hundred times slower.

    Raises:
        ConfigError: The runtime is unknown, or not installed.
        ModelError: Something about the bundle does not hold.
    """
    from strategies.forecasting.bundle import load_bundle
    from strategies.forecasting.serving import BundleForecaster

    bundle = load_bundle(path, SHIPPED)
    forecaster = BundleForecaster(bundle, _runtime(bundle, runtime))
    forecaster.prove()
    return bundle, forecaster


def needed_forecaster(
    strategy: str, settings: Settings, path: Path | None, runtime: str
) -> "tuple[Bundle, BundleForecaster] | tuple[None, None]":
    """
    Load the model that a replay with this strategy needs: the shipped one without a path; none where it needs none.

    Raises:
        ConfigError: The strategy or the runtime is unknown, or the runtime is not installed.
        ModelError: Something about the bundle does not hold.
    """
    if not resolve_strategy(strategy, settings).needs_forecast:
        return None, None
    return load_forecaster(path or REFERENCE_BUNDLE, runtime)


def _runtime(bundle: "Bundle", name: str) -> "Run":
    if name == ONNX:
        from bot.adapters.model_runtime import OnnxRuntime

        return OnnxRuntime(bundle.graph)
    if name != KERAS:
        raise ConfigError(f"--runtime {name} is not known: it is {ONNX} or {KERAS}")
    try:
        from strategies.forecasting.keras_runtime import KerasRuntime
    except ModuleNotFoundError as error:
        raise ConfigError(f"--runtime {KERAS} needs {error.name}: install candlewick[train]") from error
    return KerasRuntime(bundle.architecture, bundle.weights)


def resolve_strategy(name: str, settings: Settings) -> Strategy:
    """The strategy of that name, or the one that the file at that path defines."""
    if name == FORECAST_FOLLOWING:
        return ForecastFollowing(SignalRule(settings.signal.cost_multiple, settings.signal.hysteresis_frac))
    if name == BUY_AND_HOLD:
        return BuyAndHold()
    return load_strategy(Path(name))


def recorded_strategy(printed: str, settings: Settings) -> Strategy:
    """
    The strategy that a run wrote down as `strategy_print` has it.

    Raises:
        JournalError: Its file is gone, or is not what it was.
    """
    path, at, digest = printed.rpartition("@")
    if not at:
        return resolve_strategy(printed, settings)
    if not Path(path).is_file() or strategy_print(path) != printed:
        raise JournalError(f"the run was decided by {path} with sha256 {digest}...: put that very file back")
    return resolve_strategy(path, settings)


def risk_limits(settings: Settings) -> RiskLimits:
    """The risk desk's share of the settings."""
    sizing, stop, breakers, engine = settings.sizing, settings.stop, settings.breakers, settings.engine
    return RiskLimits(
        sizing=SizingMethod(sizing.method),
        fraction=sizing.fraction,
        target_volatility=sizing.target_volatility,
        max_position_frac=sizing.max_position_frac,
        max_exposure_frac=sizing.max_exposure_frac,
        rebalance_band_frac=sizing.rebalance_band_frac,
        stop=StopKind(stop.kind),
        stop_distance_frac=stop.distance_frac,
        atr_multiple=stop.atr_multiple,
        cooldown_candles=stop.cooldown_candles,
        daily_loss_frac=breakers.daily_loss_frac,
        drawdown_frac=breakers.drawdown_frac,
        price_collar_frac=engine.price_collar_frac,
        max_orders_per_day=engine.max_orders_per_day,
    )


def costs(settings: Settings) -> Costs:
    """What the settings say that trading costs."""
    said = settings.costs
    return Costs(said.maker_fee_bps, said.taker_fee_bps, said.half_spread_bps, said.slippage_bps)


def instrument(symbol: str, settings: Settings, venue: str, *, first_price: float) -> Instrument:
    """
    The rules of a market that no venue has stated: a grid of six digits from its first price on.

    A price of 64,000 gets ticks of 0.1 and lots of 0.00001; the profile's `[markets]` overrule either.
    """
    size = floor(log10(first_price))
    lot = Decimal(1).scaleb(-size - 1)
    stated = Instrument(symbol, Decimal(1).scaleb(size - 5), lot, lot, Decimal(5), costs(settings), venue, venue)
    return overruled(stated, settings)


def overruled(stated: Instrument, settings: Settings) -> Instrument:
    """
    A venue's rules with the profile's costs, and its `[markets]` where they say otherwise.

    Raises:
        ConfigError: The market is not paid in the account's quote currency.
    """
    if stated.quote != settings.account.quote:
        raise ConfigError(f"{stated.symbol} is not paid in {settings.account.quote}: set account.quote={stated.quote}")
    own = settings.markets.get(stated.symbol)
    return Instrument(
        stated.symbol,
        (own and own.tick_size) or stated.tick_size,
        (own and own.lot_step) or stated.lot_step,
        (own and own.min_quantity) or stated.min_quantity,
        (own and own.min_notional) or stated.min_notional,
        costs(settings),
        stated.signal_venue,
        stated.execution_venue,
        stated.max_quantity,
    )


def paper_broker(header: RunStarted) -> PaperBroker:
    """The broker inside the process, for the run that this record describes."""
    share = Decimal(str(settings_from(header.settings).costs.participation_frac))
    return PaperBroker({one.symbol: one for one in header.instruments}, header.budget, share)


def strategy_print(strategy: str) -> str:
    """What a run writes down of its strategy: its name, or its path and the sha256 of the file."""
    if strategy in (FORECAST_FOLLOWING, BUY_AND_HOLD):
        return strategy
    path = Path(strategy)
    if not path.is_file():
        raise ConfigError(f"strategy {strategy} is neither {FORECAST_FOLLOWING}, {BUY_AND_HOLD} nor a file")
    return f"{path.resolve()}@{sha256(path.read_bytes()).hexdigest()[:16]}"
