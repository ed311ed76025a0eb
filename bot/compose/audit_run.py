"""
An audit put together: what is audited is found by its name, its checks are made, and each is told as it is done.

Invented markets are handed in, so that the embedded exchange stays known to the command line alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, convert, to_builtins
from msgspec.structs import replace

from bot.compose.decision_audit import Trader, decision_checks, decisions_under_another_future, made_candles, play
from bot.compose.parts import BUY_AND_HOLD, DEMO_BUNDLE, FORECAST_FOLLOWING, load_forecaster, resolve_strategy
from bot.core.errors import ConfigError, DataError
from bot.core.market import Timeframe
from config.loading import load_settings
from strategies.forecasting.audit import Check, MakeMarket, Pipeline, caught
from strategies.forecasting.audit_served import Served, fresh_leak_rule, served_checks
from strategies.forecasting.audit_steps import DETECTORS
from strategies.forecasting.features import SHIPPED
from strategies.forecasting.plan import Plan
from strategies.forecasting.planted_leaks import LEAKS
from strategies.forecasting.planted_leaks_strategies import FAULTS

BUSY_PROFILE: Final = "lively"
"""Acts on every forecast: an audit of decisions that sees no order proves nothing."""

_MANIFEST: Final = "manifest.json"

Tell = Callable[[str], None]


class AuditRequest(Struct, frozen=True):
    """What an audit was asked to do; the names are those of the command line."""

    target: str
    files: tuple[Path, ...] = ()
    symbol: str | None = None
    timeframe: str | None = None
    bundle: Path | None = None
    profile: str | None = None
    overrides: Mapping[str, str] = {}
    plant: str | None = None
    without_fits: bool = False


class Audit(Struct, frozen=True):
    """What came of it. `left_out` says in words what could not be asked, or was not."""

    kind: str
    name: str
    checks: tuple[Check, ...]
    left_out: tuple[str, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that do not hold."""
        return tuple(check for check in self.checks if not check.held)

    def as_json(self) -> dict[str, Any]:
        """Everything, as what JSON knows."""
        checks = [{**to_builtins(check), "held": check.held, "verdict": check.verdict} for check in self.checks]
        failed = [check.name for check in self.failed]
        return {
            "kind": self.kind,
            "name": self.name,
            "held": not failed,
            "failed": failed,
            "checks": checks,
            "left_out": list(self.left_out),
        }


def run_audit(request: AuditRequest, market: MakeMarket, tell: Tell) -> Audit:
    """
    Audit a bundle or a strategy.

    Args:
        request: What, and how.
        market: Makes candles of invented markets.
        tell: Told of every check as it is done.

    Raises:
        ConfigError: There is no such bundle or strategy, or no such leak to plant.
        CandlewickError: It cannot be loaded, or the candles cannot be read.
    """
    folder = _bundle_folder(request.target)
    _require_known(request.plant, LEAKS if folder else FAULTS)
    return _bundle(request, folder, market, tell) if folder else _strategy(request, market, tell)


def _bundle(request: AuditRequest, folder: Path, market: MakeMarket, tell: Tell) -> Audit:
    bundle, model = load_forecaster(folder)
    scaler = _plan(bundle.metrics).scaler
    shipped = Pipeline(SHIPPED, bundle.features.window, Timeframe(bundle.data.timeframe), scaler=scaler)
    pipeline = LEAKS[request.plant](shipped) if request.plant else shipped
    served = Served(bundle, model, pipeline)
    loaded = load_settings(request.profile or BUSY_PROFILE, request.overrides)
    trader = Trader(
        FORECAST_FOLLOWING,
        lambda: resolve_strategy(FORECAST_FOLLOWING, loaded.settings),
        loaded,
        pipeline.timeframe,
        bundle,
        model,
    )
    left_out = []

    def checks() -> Iterator[Check]:
        for detect in DETECTORS.values():
            yield detect(pipeline, market)
        for leak, plant in LEAKS.items():
            yield caught(DETECTORS[leak](plant(shipped), market), leak)
        yield from served_checks(served, market)
        if request.files:
            yield fresh_leak_rule(served, _parts(request, pipeline.timeframe))
        elif bundle.metrics.get("theoretical_hit_rate") is None:
            left_out.append("the leak rule on fresh candles: name candles of after the training with --candles")
        candles = made_candles(pipeline.timeframe, market)
        yield decisions_under_another_future(trader, candles, play(trader, candles))
        if request.without_fits:
            left_out.append("what needs a fit (planted AR(1), white noise, permuted labels, weights): --without-fits")
        else:
            yield from _fits(bundle.architecture, bundle.metrics, pipeline, market, tell)

    return Audit("bundle", model.name, _told(checks(), tell), tuple(left_out))


def _strategy(request: AuditRequest, market: MakeMarket, tell: Tell) -> Audit:
    loaded = load_settings(request.profile or BUSY_PROFILE, request.overrides)
    needs_forecast = resolve_strategy(request.target, loaded.settings).needs_forecast
    bundle, model = load_forecaster(request.bundle or DEMO_BUNDLE) if needs_forecast else (None, None)
    trader = Trader(
        request.target,
        lambda: resolve_strategy(request.target, loaded.settings),
        loaded,
        Timeframe(bundle.data.timeframe) if bundle else Timeframe(request.timeframe or Timeframe.H1.value),
        bundle,
        model,
    )
    return Audit("strategy", request.target, _told(decision_checks(trader, market, request.plant), tell), ())


def _fits(
    architecture: Any, metrics: Mapping[str, Any], pipeline: Pipeline, market: MakeMarket, tell: Tell
) -> Iterator[Check]:
    try:
        from strategies.forecasting.audit_fits import EPOCHS, Trainer, fit_checks
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"this part of the audit fits networks and needs {error.name}: install candlewick[train], "
            f"or leave it out with --without-fits"
        ) from error
    plan = _plan(metrics)
    trainer = Trainer(pipeline, architecture, replace(plan, epochs=min(plan.epochs, EPOCHS)))
    yield from fit_checks(trainer, market, tell)


def _plan(metrics: Mapping[str, Any]) -> Plan:
    return convert(metrics["training"]["plan"], Plan)


def _parts(request: AuditRequest, timeframe: Timeframe) -> list[Any]:
    from bot.adapters.candle_files import read_candles
    from bot.core.gaps import segments

    series = read_candles(request.files, symbol=request.symbol, timeframe=request.timeframe)
    for one in series:
        if one.timeframe is not timeframe:
            raise DataError(f"the bundle forecasts {timeframe.value} candles, {one.symbol} has {one.timeframe.value}")
    return [part for one in series for part in segments(one.open_time_ms, one.ohlcv, timeframe)]


def _told(checks: Iterable[Check], tell: Tell) -> tuple[Check, ...]:
    made = []
    for check in checks:
        made.append(check)
        tell(f"{check.name}: {check.verdict}")
    return tuple(made)


def _bundle_folder(target: str) -> Path | None:
    """The folder of a bundle by its path, or by its name where it is a shipped one; None for a strategy."""
    if target in (FORECAST_FOLLOWING, BUY_AND_HOLD) or target.endswith(".py"):
        return None
    for folder in (Path(target), DEMO_BUNDLE.parent / target):
        if (folder / _MANIFEST).is_file():
            return folder
    raise ConfigError(
        f"{target} is neither a bundle nor a strategy: name a bundle's folder, a shipped bundle "
        f"({', '.join(sorted(one.parent.name for one in DEMO_BUNDLE.parent.glob('*/' + _MANIFEST)))}), "
        f"{FORECAST_FOLLOWING}, {BUY_AND_HOLD} or a Python file"
    )


def _require_known(planted: str | None, leaks: Iterable[str]) -> None:
    if planted is not None and planted not in leaks:
        raise ConfigError(f"there is no leak {planted!r} to plant here: choose of {', '.join(leaks)}")
