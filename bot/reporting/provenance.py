"""
Where a run's market comes from, and what the model had seen of it before: who may believe its figures, and how far.

Reads the labels of a run's first record, which repeat what the bundle says of itself. Knows nothing of results.
"""

import re
from collections.abc import Collection
from enum import Enum
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.events import RunStarted
from bot.reporting.columns import Times
from bot.reporting.wording import day, listed

_INVENTED: Final = ("invented", "the seeded market of this program")
"""How a market's label, and a bundle's source, begin where a generator made the candles."""

_SEED: Final = re.compile(r"\bseed (\d+)")
_NAMED: Final = 6


class Kinship(Enum):
    """How the market of a run is related to the one that its model was trained on."""

    SAME = "the same, as far as anybody can tell"
    OTHER_SEED = "both invented, of different seeds"
    OTHER_KIND = "one is invented, the other is not"


class Training(Struct, frozen=True):
    """
    What the model was trained on.

    `symbols` are empty where that is not known for markets one by one, `timeframe` and `source` where nobody said.
    """

    from_ms: int
    until_ms: int
    symbols: frozenset[str]
    timeframe: str = ""
    source: str = ""
    kinship: Kinship = Kinship.SAME

    def saw(self, symbol: str, open_ms: Times, timeframe_ms: int) -> NDArray[np.bool_]:
        """Which candles of a market the model was trained on, `(n,)`: those that share an instant with the span."""
        if self.symbols and symbol not in self.symbols:
            return np.zeros(len(open_ms), dtype=np.bool_)
        return self.overlaps(open_ms, timeframe_ms)

    def overlaps(self, open_ms: Times, timeframe_ms: int) -> NDArray[np.bool_]:
        """Which candles are of the time of the training, whatever their market, `(n,)`: markets move together."""
        shared = (open_ms < self.until_ms) & (open_ms + timeframe_ms > self.from_ms)
        return shared if self.kinship is Kinship.SAME else np.zeros_like(shared)


def is_invented(header: RunStarted) -> bool:
    """Whether the run's market was made by a generator: its label then begins with "invented"."""
    return _is_made(header.labels.get("market", ""))


def training(labels: dict[str, str]) -> Training | None:
    """Read from a run's labels what its model was trained on; None where they do not say it."""
    if "bundle_trained_from_ms" not in labels or "bundle_trained_until_ms" not in labels:
        return None
    return Training(
        from_ms=int(labels["bundle_trained_from_ms"]),
        until_ms=int(labels["bundle_trained_until_ms"]),
        symbols=frozenset(labels.get("bundle_symbols", "").replace(",", " ").split()),
        timeframe=labels.get("bundle_timeframe", ""),
        source=labels.get("bundle_source", ""),
        kinship=_kinship(labels.get("market", ""), labels.get("bundle_source", "")),
    )


def outside_card(header: RunStarted) -> str:
    """
    Say in a sentence how the run differs from what the model was made for; empty where it does not.

    Markets of one generator are all alike: another name or seed is another market, and not another kind.
    """
    learnt = training(header.labels)
    if learnt is None:
        return ""
    differences = []
    if learnt.timeframe and learnt.timeframe != header.timeframe:
        differences.append(f"is of candles of {header.timeframe}")
    if learnt.source and learnt.kinship is Kinship.OTHER_KIND:
        differences.append("is of an invented market" if is_invented(header) else "is of no invented market")
    elif not is_invented(header):
        differences += _never_seen([instrument.symbol for instrument in header.instruments], learnt.symbols)
    if not differences:
        return ""
    return f"Outside its card: the model was trained on {_scope(learnt)}, and this run {listed(differences)}."


def _kinship(market: str, source: str) -> Kinship:
    if _is_made(market) != _is_made(source):
        return Kinship.OTHER_KIND
    seeds = _SEED.search(market), _SEED.search(source)
    if _is_made(market) and seeds[0] and seeds[1] and seeds[0][1] != seeds[1][1]:
        return Kinship.OTHER_SEED
    return Kinship.SAME


def _is_made(words: str) -> bool:
    return words.lower().startswith(_INVENTED)


def _never_seen(symbols: Collection[str], known: Collection[str]) -> list[str]:
    unseen = [symbol for symbol in symbols if symbol not in known] if known else []
    if not unseen:
        return []
    if len(unseen) > _NAMED:
        return [f"trades {len(unseen)} markets that it never saw"]
    return [f"trades {listed(unseen)}, which it never saw"]


def _scope(learnt: Training) -> str:
    markets = listed(sorted(learnt.symbols)) if learnt.symbols else "markets that it does not name"
    candles = f" in candles of {learnt.timeframe}" if learnt.timeframe else ""
    source = f" ({learnt.source})" if learnt.source else ""
    return f"{markets}{candles} from {day(learnt.from_ms)} to {day(learnt.until_ms)}{source}"
