"""
What a bundle's forecasts rest on: how much worse they get when a part of their windows is another time's.

Permutation importance (Breiman 2001, "Random Forests", Machine Learning 45(1)) on candles that were not learnt from:
a group of columns, or one candle of the window, is exchanged for that of another window, and the losses are compared.
Windows are exchanged in blocks, so that what is put in moves from candle to candle as markets do. Knows no file, and
of the network only what runs it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import sqrt
from typing import Final, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import DataError
from strategies.forecasting.bundle import Bundle
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.serving import Run, batches

Floats = NDArray[np.float64]
Rows = NDArray[np.float32]
Places = NDArray[np.int64]

BLOCK: Final = 48
"""Windows that are exchanged together."""
MOVES_NEEDED: Final = 20 * BLOCK
"""Fewer moves than these are too few blocks to tell an error from."""

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "returns": tuple(f"return_{span}" for span in (1, 3, 6, 12, 24, 72)),
    "candle shape": ("body", "upper_wick", "lower_wick", "true_range"),
    "volatility": ("volatility_ratio", "log_sigma"),
    "turnover": ("turnover_z", "turnover_trend"),
    "momentum": ("rsi", "macd", "macd_histogram"),
    "place in the range": ("trend_distance", "mean_distance", "bollinger", "donchian"),
    "calendar": ("hour_sin", "hour_cos", "weekday_sin", "weekday_cos"),
}
"""The shipped columns by what they speak of; a column of no group stands for itself."""

SINGLE: Final = 12
"""Candles that are looked at one by one."""
BAND: Final = 6

_SEED: Final = 20_240_601
_PIECE: Final = 512
"""Windows gathered at a time."""

Progress = Callable[[int, int], None]


class Rise(Struct, frozen=True):
    """How much a loss rose, and its standard error over blocks of candles and over repeats."""

    rise: float
    error: float

    @property
    def clear(self) -> bool:
        """Whether it is two standard errors away from nothing."""
        return abs(self.rise) > 2.0 * self.error


class Importance(Struct, frozen=True):
    """What the forecasts lost with one part of their windows: in Brier score, and in share of wrong directions."""

    part: str
    brier: Rise
    direction: Rise


class Explanation(Struct, frozen=True):
    """
    What a bundle's forecasts rest on, seen on `[from_ms, until_ms)`, which it was not trained on.

    `brier` and `wrong` are the losses as they are, `groups` and `steps` what parts of the windows add to them. A step
    is named by how many candles lie between it and the forecast.
    """

    bundle: str
    fingerprint: str
    symbols: tuple[str, ...]
    from_ms: int
    until_ms: int
    windows: int
    moves: int
    block: int
    repeats: int
    brier: float
    wrong: float
    groups: tuple[Importance, ...]
    steps: tuple[Importance, ...]


def groups_of(names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The places of a row's columns by group, every column in one."""
    grouped: dict[str, list[int]] = {group: [] for group in GROUPS}
    group_of = {name: group for group, members in GROUPS.items() for name in members}
    for place, name in enumerate(names):
        grouped.setdefault(group_of.get(name, name), []).append(place)
    return {group: tuple(places) for group, places in grouped.items() if places}


def steps_of(window: int) -> list[tuple[str, range]]:
    """
    Name the candles of a window, counted back from the last: the newest one by one, older ones several at a time.

    An old candle alone changes next to nothing, since its neighbours say the same.
    """
    single = [(str(back), range(back, back + 1)) for back in range(min(window, SINGLE))]
    bands = [range(back, min(back + BAND, window)) for back in range(SINGLE, window, BAND)]
    return single + [(f"{band[0]} to {band[-1]}", band) for band in bands]


def explain(
    bundle: Bundle, run: Run, dataset: Dataset, symbols: Sequence[str], repeats: int, progress: Progress
) -> Explanation:
    """
    Exchange every group of columns, and every candle or band of candles, `repeats` times each.

    Args:
        bundle: The model.
        run: Runs its graph; called from several threads.
        dataset: Windows that it was not trained on, in the order of time.
        symbols: Whose they are.
        repeats: How often each part is exchanged, by other draws; at least 2.
        progress: Told how many passes of how many are done.

    Raises:
        DataError: There are too few moves.
    """
    moved = np.flatnonzero(dataset.next_return != 0.0)
    if len(moved) < MOVES_NEEDED:
        raise DataError(
            f"{len(moved)} moves after the training are too few to explain a bundle: {MOVES_NEEDED} are needed, "
            "give more candles"
        )
    mixing = _Mixing(bundle, run, dataset, moved)
    groups, steps = _parts(bundle)
    parts = groups + steps
    with ThreadPoolExecutor() as cores:
        base = mixing.losses(None, None, cores)
        found = []
        for number, part in enumerate(parts):
            rises = []
            for draw in range(number * repeats, (number + 1) * repeats):
                lost = mixing.losses(_exchanged(len(moved), draw), part, cores)
                rises.append(lost - base)
                progress(draw + 1, len(parts) * repeats)
            brier, wrong = (_rise(np.stack([rise[kind] for rise in rises])) for kind in range(2))
            found.append(Importance(part.name, brier, wrong))
    return Explanation(
        bundle=bundle.name,
        fingerprint=bundle.fingerprint,
        symbols=tuple(symbols),
        from_ms=int(dataset.close_time_ms[0]),
        until_ms=int(dataset.close_time_ms[-1]) + 1,
        windows=len(dataset),
        moves=len(moved),
        block=BLOCK,
        repeats=repeats,
        brier=float(base[0].mean()),
        wrong=float(base[1].mean()),
        groups=tuple(sorted(found[: len(groups)], key=lambda one: -one.brier.rise)),
        steps=tuple(found[len(groups) :]),
    )


class _Part(NamedTuple):
    """A part of a window: some columns of some rows."""

    name: str
    rows: list[int]
    columns: list[int]


def _parts(bundle: Bundle) -> tuple[list[_Part], list[_Part]]:
    names, window = bundle.features.names, bundle.features.window
    every_row, every_column = list(range(window)), list(range(len(names)))
    groups = [_Part(group, every_row, list(columns)) for group, columns in groups_of(names).items()]
    steps = [_Part(name, [window - 1 - back for back in backs], every_column) for name, backs in steps_of(window)]
    return groups, steps


class _Mixing:
    """Windows with a part from elsewhere, and what the forecasts of them lose."""

    def __init__(self, bundle: Bundle, run: Run, dataset: Dataset, moved: Places) -> None:
        self._run = run
        self._calibration = bundle.calibration
        self._dataset = dataset
        self._rows = bundle.scaler.function()(dataset.rows)
        self._moved = moved
        self._up = (dataset.next_return[moved] > 0.0).astype(np.float64)

    def losses(self, donors: Places | None, part: _Part | None, cores: ThreadPoolExecutor) -> Floats:
        """
        Losses of every move, `(2, m)`: squared error of the probability, and whether the direction was wrong.

        Args:
            donors: For each move the place of the one that gives it a part, None to leave all as it is.
            part: What is given.
            cores: Where the graph runs.
        """

        def logits(piece: slice) -> Rows:
            windows = self._dataset.windows(self._rows, self._moved[piece])  # (B, T, F)
            if donors is not None and part is not None:
                rows, columns = np.ix_(part.rows, part.columns)
                given = self._dataset.windows(self._rows, self._moved[donors[piece]])
                windows[:, rows, columns] = given[:, rows, columns]
            return np.concatenate([self._run(windows[start:stop])[:, 1] for start, stop in batches(len(windows))])

        told = np.concatenate(list(cores.map(logits, _pieces(len(self._moved))))).astype(np.float64)
        p_up = 1.0 / (1.0 + np.exp(-(self._calibration.scale * told + self._calibration.shift)))
        return np.stack([(p_up - self._up) ** 2, (p_up > 0.5) != (self._up > 0.5)])


def _pieces(count: int) -> Iterator[slice]:
    for start in range(0, count, _PIECE):
        yield slice(start, min(start + _PIECE, count))


def _exchanged(count: int, draw: int) -> Places:
    """For each of `count` windows in order another one: blocks change places, their order inside stays, `(count,)`."""
    random = np.random.default_rng((_SEED, draw))
    # Blocks that begin anywhere on the circle: no border is always in the same place.
    offset = int(random.integers(count))
    starts = random.permutation(np.arange(0, count, BLOCK))
    order: Places = np.concatenate([np.arange(start, min(start + BLOCK, count)) for start in starts])
    return np.roll((order + offset) % count, offset)


def _rise(rises: Floats) -> Rise:
    """
    Mean of rises `(repeats, m)` with its standard error.

    Blocks of neighbouring candles share their luck, so the first error is that of the mean over blocks; the second
    is that of the draws. The two are added as variances, which counts a little of the second twice.
    """
    by_move = rises.mean(axis=0)
    blocks = [float(block.mean()) for block in np.array_split(by_move, len(by_move) // BLOCK)]
    draws = rises.mean(axis=1)
    of_blocks = float(np.var(blocks, ddof=1)) / len(blocks)
    of_draws = float(np.var(draws, ddof=1)) / len(draws)
    return Rise(float(by_move.mean()), sqrt(of_blocks + of_draws))
