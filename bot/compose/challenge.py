"""
A challenger put beside the model in use: both forecast the same stored candles, and every gate is asked.

What the model in use said may be read from a run's journal instead. Invented markets are handed in, so that the
embedded exchange stays known to the command line alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from msgspec import Struct

from bot.adapters.candle_files import read_candles
from bot.adapters.candle_series import CandleSeries
from bot.adapters.model_records import KeptGate, KeptVerdict
from bot.adapters.model_registry import ModelRegistry
from bot.compose.challenge_proofs import Candidate, proofs
from bot.compose.parts import costs
from bot.compose.recorded_forecasts import recorded_forecasts
from bot.core import gate_names as names
from bot.core.errors import ConfigError
from bot.core.forecast import Forecast
from bot.core.gaps import segments
from config.loading import load_settings
from strategies.forecasting import gates
from strategies.forecasting.audit import MakeMarket
from strategies.forecasting.features import SHIPPED
from strategies.forecasting.gates import GateVerdict
from strategies.forecasting.shadow import Pair, Terms, Track, beside, compare, nobody, recorded, replayed, seed_spread
from strategies.forecasting.shadow_evidence import margin_of, reversal_rate_of
from strategies.signal import SignalRule

_LATE: Final = 0.75
"""From this share of its life on, a champion's successor is looked for: before its end, so that none comes too late."""


class ChallengeRequest(Struct, frozen=True):
    """
    Which candles a challenger is judged on, and at which cost; the names are those of the command line.

    `run` is a run's folder whose journal says what the model in use forecast.
    """

    files: tuple[Path, ...]
    symbol: str | None = None
    timeframe: str | None = None
    run: Path | None = None
    profile: str | None = None
    overrides: Mapping[str, str] = {}


def judge_challenger(
    registry: ModelRegistry, fingerprint: str, request: ChallengeRequest, market: MakeMarket, now_ms: int
) -> KeptVerdict:
    """
    Ask every gate of a challenger, and keep the verdict in the registry.

    Args:
        registry: Where it is, and the model in use.
        fingerprint: The challenger's.
        request: On what it is judged.
        market: Makes candles of invented markets.
        now_ms: The time now.

    Raises:
        ConfigError: The candles are of another timeframe, or the run was another model's.
        DataError: The candles cannot be read, or are not those of the run.
        ModelError: A bundle cannot be loaded.
    """
    used = registry.in_use()
    challenger = Candidate.load(registry.path(fingerprint))
    champion = None if used is None else Candidate.load(registry.current().path)
    series = read_candles(request.files, symbol=request.symbol, timeframe=request.timeframe)
    pairs = _pairs(challenger, champion, series, request.run)
    closes = [close for pair in pairs for close in pair.challenger.close_time_ms.tolist()]
    span = (min(closes, default=now_ms), max(closes, default=now_ms))
    candles = sha256("".join(sorted(one.fingerprint for one in series)).encode()).hexdigest()
    attempt = registry.attempt(fingerprint, candles, span)
    settings = load_settings(request.profile, request.overrides).settings
    rule = SignalRule(settings.signal.cost_multiple, settings.signal.hysteresis_frac)
    terms = _terms(challenger, champion, registry, span[1], attempt)
    measured = {
        **compare(pairs, rule, costs(settings).round_trip_bps / 2.0, terms),
        **proofs(challenger, market),
        names.SEED_SPREAD: seed_spread(challenger.bundle.metrics, champion.bundle.metrics if champion else None),
    }
    verdict = KeptVerdict(
        fingerprint,
        champion.bundle.fingerprint if champion else None,
        now_ms,
        *span,
        len(closes),
        tuple(map(_kept, gates.judge(measured))),
        candles,
        attempt,
    )
    registry.keep_verdict(verdict)
    return verdict


def _terms(
    challenger: Candidate, champion: Candidate | None, registry: ModelRegistry, newest_ms: int, attempt: int
) -> Terms:
    """What a challenger is held to: a first model, one beside a champion, or the successor of one whose life ends."""
    if champion is None:
        return Terms(reversal_rate_of(challenger.bundle.metrics), attempt=attempt)
    note = registry.note(champion.bundle.fingerprint)
    if note is None or newest_ms < champion.bundle.data.trained_until_ms + _LATE * note.life_ms:
        return Terms(attempt=attempt)
    return Terms(margin=margin_of(champion.bundle.metrics), attempt=attempt)


def _pairs(
    challenger: Candidate, champion: Candidate | None, series: Sequence[CandleSeries], run: Path | None
) -> list[Pair]:
    """Both models' forecasts of every market, from the first close on that neither has seen."""
    known = [challenger.bundle.data, *([champion.bundle.data] if champion else [])]
    timeframe = series[0].timeframe
    if any(data.timeframe != one.timeframe.value for data in known for one in series):
        trained = " and ".join(sorted({data.timeframe for data in known}))
        raise ConfigError(f"the models foresee candles of {trained}, the files hold {timeframe.value}")
    from_ms = max(data.trained_until_ms for data in known)
    if run is not None and champion is None:
        raise ConfigError("no model is in use, so no run can have used it: leave --run out")
    said = recorded_forecasts(run, champion.bundle.fingerprint, series) if run and champion else None
    return list(_each(challenger, champion, series, from_ms, said))


def _each(
    challenger: Candidate,
    champion: Candidate | None,
    series: Sequence[CandleSeries],
    from_ms: int,
    said: Mapping[str, Mapping[int, Forecast]] | None,
) -> Iterator[Pair]:
    for one in series:
        own = _track(challenger, one, from_ms)
        if champion is None:
            rival = nobody(own)
        elif said is not None:
            rival = recorded(own, said.get(one.symbol, {}))
        else:
            rival = _track(champion, one, from_ms)
        yield beside(one.symbol, own, rival)


def _track(candidate: Candidate, series: CandleSeries, from_ms: int) -> Track:
    parts = segments(series.open_time_ms, series.ohlcv, series.timeframe)
    window = candidate.bundle.features.window
    return replayed(candidate.forecaster, SHIPPED, window, series.symbol, parts, series.timeframe.ms, from_ms)


def _kept(verdict: GateVerdict) -> KeptGate:
    """A verdict as it is written down: the figure, the bounds, and what lies behind it."""
    gate, figure = verdict.gate, verdict.figure
    shown = "nothing" if figure is None else f"{figure:.6g}"
    said = f"{shown}, must be {gate.bounds()} ({gate.measures}); {verdict.said}"
    return KeptGate(gate.name, verdict.passed, said, figure)
