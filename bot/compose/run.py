"""
A run: everything that its decisions depend on, the engine that follows from it, and its folder.

Together with its neighbours this is the composition root: the only place that knows every class, and the only
one that knows whether a run is a replay or a session.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from bot.adapters.journal import Journal
from bot.adapters.journal_file import Synchronous
from bot.adapters.journal_recovery import Recovered
from bot.compose.parts import recorded_strategy, risk_limits, strategy_print
from bot.core.errors import ConfigError, JournalError
from bot.core.events import RunStarted
from bot.core.market import Instrument, Timeframe
from bot.engine.engine import Engine
from bot.engine.state import EngineSettings
from bot.recovery import Taken, differences, restore
from bot.version import code_version
from config.loading import Loaded
from config.resolved import settings_from
from strategies.forecasting.features import SHIPPED
from strategies.strategy import Strategy

if TYPE_CHECKING:
    from strategies.forecasting.bundle import Bundle


PLACE: Final = "place"
SPEED: Final = "speed"
"""What a run at a venue writes down beside its other inputs: where, and how fast its market runs."""


class Opened(Struct, frozen=True):
    """A run that is ready to go on: its journal, and the engine as the journal left it."""

    journal: Journal
    engine: Engine
    header: RunStarted
    taken: Taken | None


def plan(
    loaded: Loaded,
    instruments: Sequence[Instrument],
    timeframe: Timeframe,
    *,
    strategy: str,
    bundle: "Bundle | None",
    started_ms: int,
    inputs: Mapping[str, str],
    labels: Mapping[str, str],
) -> RunStarted:
    """
    Write down everything that a run's decisions depend on.

    Args:
        loaded: The resolved settings.
        instruments: The markets, in the order in which they get cash.
        timeframe: Of every market.
        strategy: `forecast`, `buy-and-hold` or the path of a file.
        bundle: The model, where the strategy needs one.
        started_ms: Where the market's time begins.
        inputs: Fingerprints of whatever else decides: candles, the generator's seed.
        labels: Words for the reports; no decision reads them.
    """
    fingerprints = {
        "settings": loaded.fingerprint(),
        "strategy": strategy_print(strategy),
        "code": code_version(),
        "started_ms": str(started_ms),
        **inputs,
    }
    if bundle is not None:
        fingerprints |= {
            "bundle": bundle.fingerprint,
            "features": bundle.features.version,
            "window": str(bundle.features.window),
        }
    budget = loaded.settings.account.budget
    names = repr((sorted(fingerprints.items()), instruments, timeframe.value, budget))
    run_id = sha256(names.encode()).hexdigest()[:16]
    return RunStarted(
        started_ms,
        run_id,
        code_version(),
        fingerprints,
        loaded.resolved(),
        tuple(instruments),
        timeframe.value,
        budget,
        {**labels, **_bundle_labels(bundle)},
    )


def build_engine(header: RunStarted, strategy: Strategy | None = None) -> Engine:
    """
    Build the engine that a run's first record describes. Everything that decides is in there.

    Args:
        header: The run's first record.
        strategy: Decides in the place of the one that the record names, where a strategy is put to the test.

    Raises:
        JournalError: The features of this code, or a strategy's file, are not those of the run.
    """
    settings = settings_from(header.settings)
    strategy = strategy or recorded_strategy(header.fingerprints["strategy"], settings)
    features, window = None, 1
    if strategy.needs_forecast and "features" in header.fingerprints:
        if header.fingerprints["features"] != SHIPPED.version:
            raise JournalError("the run was made with another set of features than this version computes")
        features, window = SHIPPED, int(header.fingerprints["window"])
    timeframe = Timeframe(header.timeframe)
    # At a venue time is real, and where it runs faster so does every deadline.
    speed = float(header.fingerprints.get(SPEED, "1"))
    at_venue = PLACE in header.fingerprints
    deadline_ms = settings.engine.forecast_deadline_ms or min(5_000, timeframe.ms // 20)
    engine_settings = EngineSettings(
        timeframe=timeframe,
        limits=risk_limits(settings),
        window_length=window,
        forecast_deadline_ms=min(round(deadline_ms * speed), max(timeframe.ms, deadline_ms)),
        batch_deadline_ms=min(round(settings.engine.batch_deadline_ms * speed), timeframe.ms // 2),
        id_prefix=header.run_id[:8],
        unprotected_ms=round(settings.execution.unprotected_ms * speed) if at_venue else 0,
        reconcile_ms=round(settings.execution.reconcile_ms * speed) if at_venue else 0,
    )
    return Engine(header.instruments, engine_settings, strategy, features, header.budget)


def open_run(folder: Path, header: RunStarted, *, synchronous: Synchronous) -> Opened:
    """
    Begin a run in `folder`, or go on with the unfinished one that is there.

    Raises:
        ConfigError: The folder is a file.
        JournalError: A finished run is there, or one that differs; the message names what does.
    """
    if folder.is_file():
        raise ConfigError(f"{folder} is a file: name the run's folder with --out, a new one or that of a run")
    settings = settings_from(header.settings)
    block = settings.journal.block_records
    if not (folder / "journal.sqlite").exists():
        journal = Journal.create(folder, header, synchronous=synchronous, block_records=block)
        return Opened(journal, build_engine(header), header, None)
    journal, recovered = Journal.resume(folder, synchronous=synchronous, block_records=block)
    try:
        engine, taken = _take_up(folder, recovered, header)
    except BaseException:
        journal.close()
        raise
    return Opened(journal, engine, recovered.header, taken)


def _take_up(folder: Path, recovered: Recovered, wanted: RunStarted) -> tuple[Engine, Taken]:
    if recovered.finished:
        raise JournalError(f"the run in {folder} is finished: see `candlewick report {folder}`, or use another folder")
    different = differences(recovered.header, wanted)
    if different:
        raise JournalError(f"{folder} holds another run: {'; '.join(different)}{_way_out(folder, recovered.header)}")
    engine = build_engine(recovered.header)
    return engine, restore(engine, recovered.snapshot, recovered.tail)


def _way_out(folder: Path, recorded: RunStarted) -> str:
    # Elsewhere, and at an invented market of its own, nothing is lost with a run that cannot go on: it is begun again.
    if PLACE not in recorded.fingerprints or "seed" in recorded.fingerprints:
        return ""
    place = recorded.fingerprints[PLACE]
    return (
        f". What it holds at {place} lies under the stops that rest there, and nothing here touches it: go on as it was"
        f" begun, `candlewick flatten {folder}`, and then begin a new run"
    )


def _bundle_labels(bundle: "Bundle | None") -> dict[str, str]:
    if bundle is None:
        return {}
    return {
        "bundle": f"{bundle.name}@{bundle.fingerprint[:12]}",
        "bundle_trained_from_ms": str(bundle.data.trained_from_ms),
        "bundle_trained_until_ms": str(bundle.data.trained_until_ms),
        "bundle_symbols": ",".join(bundle.data.symbols),
        "bundle_timeframe": bundle.data.timeframe,
        "bundle_source": bundle.data.source,
    }
