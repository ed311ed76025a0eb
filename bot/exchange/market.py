"""
A market made from a seed: candles that nobody can download, with one edge planted in them and labelled.

A candle is a pure function of the seed, the parameters and its index. Asking for more candles never changes
earlier ones. Knows nothing of servers, clocks or wire formats.

The model of a close-to-close log return is `r = sigma * z - pull - jump`:

- `z` is a Gaussian AR(1) of unit variance with coefficient `planted_rho`: the edge. Because `sigma` is above
  zero and independent of `z`, two neighbouring returns have the same sign with probability
  `1/2 + asin(rho) / pi` (Sheppard's orthant formula), apart from the small pull and the rare jumps.
- `sigma` clusters: a slow AR(1) of its logarithm, times a calm or a wild regime.
- The pull draws the price back to where it began with a half-life of 200 days, so that a long market keeps
  to its price grid; on hourly and shorter candles it is a few hundredths of a sigma at most.
- A jump falls by 6 to 12 sigma about once in `1 / jump_chance` bars, so that stops and breakers have work.

Prices and volumes are rounded to the listing's decimals, which hides the last bits in which math libraries differ.
"""

from collections.abc import Iterator
from math import asin, exp, log, pi, sqrt
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import ConfigError
from bot.core.market import DAY_MS, Candle, Timeframe
from bot.exchange.bar_path import toss
from bot.exchange.listing import listing_of

ORIGIN_MS: Final = 1_704_067_200_000
"""2024-01-01T00:00Z, the open time of candle 0 unless another is asked for. Divides by every timeframe."""

BLOCK: Final = 4_096
"""Candles made at a time. Part of the definition of a market: another value makes other candles."""

_PULL_HALF_LIFE_MS: Final = 200 * DAY_MS
_LOG_SIGMA_MEMORY: Final = 0.98
_LOG_SIGMA_SPREAD: Final = 0.30
_WILD_SIGMA: Final = 2.0
_WILD_BEGINS: Final = 1 / 400
_WILD_ENDS: Final = 1 / 100
_JUMP_SIGMAS: Final = (6.0, 12.0)
_GAP_CHANCE: Final = 0.02
_GAP_SIGMAS: Final = 0.2
_TURNOVER_PER_DAY: Final = 50_000_000.0


class Columns(Struct, frozen=True):
    """Candles as arrays of one length: open times int64 in ms UTC, the rest float64."""

    open_time_ms: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.open_time_ms)

    def candle(self, row: int) -> Candle:
        """One row as a candle."""
        return Candle(
            int(self.open_time_ms[row]),
            float(self.open[row]),
            float(self.high[row]),
            float(self.low[row]),
            float(self.close[row]),
            float(self.volume[row]),
        )


class MarketModel(Struct, frozen=True):
    """
    How a seeded market moves.

    `planted_rho` in (-1, 1) is the edge, `annual_volatility` the calm regime's (0.6 is 60 % a year),
    `jump_chance` the probability of a fall in any one bar.
    """

    planted_rho: float = 0.3
    annual_volatility: float = 0.6
    jump_chance: float = 1 / 1_500

    def __post_init__(self) -> None:
        if not (-1.0 < self.planted_rho < 1.0 and 0.0 < self.annual_volatility < 10.0 and 0 <= self.jump_chance < 1):
            raise ConfigError(
                "a seeded market needs planted_rho in (-1, 1), annual_volatility in (0, 10) and jump_chance in "
                f"[0, 1); got {self.planted_rho}, {self.annual_volatility} and {self.jump_chance}"
            )

    @property
    def hit_rate(self) -> float:
        """How often the sign of the last return is the sign of the next: the best that a forecast can do."""
        return 0.5 + asin(abs(self.planted_rho)) / pi


class _Walk(Struct):
    """Where one block ends and the next begins."""

    standard: float
    log_sigma: float
    wild: bool
    log_price: float
    close: float


class SeededMarket:
    """
    The endless candles of one symbol.

    Args:
        seed: Any integer from 0; the same seed gives the same candles on every machine and run.
        symbol: Markets of one seed are independent of each other.
        timeframe: Length of a candle; volatility and volume scale with it.
        model: How the market moves.
        origin_ms: Open time of candle 0, a multiple of the timeframe.

    Raises:
        ConfigError: The seed is negative, the symbol malformed or the origin off the timeframe's grid.
    """

    def __init__(
        self,
        seed: int,
        symbol: str,
        timeframe: Timeframe,
        model: MarketModel = MarketModel(),  # noqa: B008 - frozen
        origin_ms: int = ORIGIN_MS,
    ) -> None:
        if seed < 0:
            raise ConfigError(f"a seed is 0 or more, got {seed}")
        if origin_ms < 0 or origin_ms % timeframe.ms:
            raise ConfigError(f"candles of {timeframe.value} cannot begin at {origin_ms} ms: not a multiple of them")
        self.listing = listing_of(symbol)
        self.symbol = symbol
        self.timeframe = timeframe
        self.model = model
        self.begin_ms = origin_ms
        self._key = (seed, int.from_bytes(symbol.encode()), timeframe.ms)
        self._sigma = model.annual_volatility / sqrt(timeframe.per_year)
        self._pull = log(2.0) * timeframe.ms / _PULL_HALF_LIFE_MS
        self._blocks: list[Columns] = []
        first = self._random(0).standard_normal(2)
        start = round(self.listing.start_price, self.listing.price_decimals)
        self._walk = _Walk(
            standard=float(first[0]),
            log_sigma=_LOG_SIGMA_SPREAD * float(first[1]),
            wild=False,
            log_price=log(start),
            close=start,
        )

    @property
    def end_ms(self) -> None:
        """A seeded market has no end."""
        return None

    def at(self, open_ms: int) -> Candle | None:
        """The candle that opens at `open_ms`; None before the market began or off its grid."""
        index, rest = divmod(open_ms - self.begin_ms, self.timeframe.ms)
        if rest or index < 0:
            return None
        return self._block(index // BLOCK).candle(index % BLOCK)

    def toss(self, open_ms: int) -> float:
        """Which way a candle's price takes: drawn from the seed, and apart from what the candle is made of."""
        return toss(*self._key, open_ms)

    def candles(self, count: int) -> Columns:
        """The first `count` candles as arrays; about 600,000 a second and core."""
        blocks = [self._block(number) for number in range(-(-count // BLOCK))]
        return _joined(blocks, count)

    def __iter__(self) -> Iterator[Candle]:
        """Every candle from the first, without end."""
        number = 0
        while True:
            block = self._block(number)
            for row in range(BLOCK):
                yield block.candle(row)
            number += 1

    def _block(self, number: int) -> Columns:
        while len(self._blocks) <= number:
            self._blocks.append(self._next_block(len(self._blocks)))
        return self._blocks[number]

    def _random(self, stream: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([*self._key, stream])))

    def _next_block(self, number: int) -> Columns:
        random = self._random(number + 1)
        before = self._walk.close
        sigma, close = self._closes(random)
        log_open = np.log(np.concatenate(([before], close[:-1])))
        gap = np.where(random.random(BLOCK) < _GAP_CHANCE, _GAP_SIGMAS * sigma * random.standard_normal(BLOCK), 0.0)
        open_ = self._on_grid(np.exp(log_open + gap))
        log_open, log_close = np.log(open_), np.log(close)
        span = log_close - log_open
        up, down = _bridge_reach(random, span, sigma), _bridge_reach(random, span, sigma)
        middle = log_open + log_close
        high = np.maximum(self._on_grid(np.exp((middle + up) / 2.0)), np.maximum(open_, close))
        low = np.minimum(self._on_grid(np.exp((middle - down) / 2.0)), np.minimum(open_, close))
        turnover = _TURNOVER_PER_DAY * self.timeframe.ms / DAY_MS
        busy = np.exp(0.4 * random.standard_normal(BLOCK)) * (up + down) / (2.0 * self._sigma)
        volume = np.round(turnover * busy / close, self.listing.quantity_decimals)
        first_ms = self.begin_ms + number * BLOCK * self.timeframe.ms
        times = first_ms + np.arange(BLOCK, dtype=np.int64) * self.timeframe.ms
        return Columns(times, open_, high, low, close, volume)

    def _closes(self, random: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Walk one block on: the sigma and the close of each bar, `(BLOCK,)`."""
        rho = self.model.planted_rho
        fresh = (sqrt(1.0 - rho**2) * random.standard_normal(BLOCK)).tolist()
        drift = _LOG_SIGMA_SPREAD * sqrt(1.0 - _LOG_SIGMA_MEMORY**2)
        log_sigma_steps = (drift * random.standard_normal(BLOCK)).tolist()
        switches = random.random(BLOCK).tolist()
        falls = np.where(random.random(BLOCK) < self.model.jump_chance, random.uniform(*_JUMP_SIGMAS, BLOCK), 0.0)
        anchor = log(self.listing.start_price)
        walk = self._walk
        sigmas, log_prices = [], []
        for innovation, step, switch, fall in zip(fresh, log_sigma_steps, switches, falls.tolist(), strict=True):
            walk.wild = switch >= _WILD_ENDS if walk.wild else switch < _WILD_BEGINS
            walk.log_sigma = _LOG_SIGMA_MEMORY * walk.log_sigma + step
            walk.standard = rho * walk.standard + innovation
            sigma = self._sigma * exp(walk.log_sigma) * (_WILD_SIGMA if walk.wild else 1.0)
            walk.log_price += sigma * (walk.standard - fall) - self._pull * (walk.log_price - anchor)
            sigmas.append(sigma)
            log_prices.append(walk.log_price)
        close = self._on_grid(np.exp(np.array(log_prices)))
        walk.close = float(close[-1])
        return np.array(sigmas), close

    def _on_grid(self, prices: NDArray[np.float64]) -> NDArray[np.float64]:
        """The nearest prices with the listing's decimals, never below one tick."""
        decimals = self.listing.price_decimals
        return np.maximum(np.round(prices, decimals), float(self.listing.tick_size))


def _bridge_reach(
    random: np.random.Generator, span: NDArray[np.float64], sigma: NDArray[np.float64]
) -> NDArray[np.float64]:
    """
    How far a Brownian bridge goes, `(BLOCK,)`, doubled and measured from the middle of its two ends.

    Over one unit of time a bridge from a to b has its maximum at `(a + b + sqrt((b - a)^2 - 2 sigma^2 ln U)) / 2`
    with U uniform; the root is what is returned, and the minimum mirrors it.
    """
    chance: NDArray[np.float64] = np.log1p(-random.random(BLOCK))
    reach: NDArray[np.float64] = np.sqrt(span**2 - 2.0 * sigma**2 * chance)
    return reach


def _joined(blocks: list[Columns], count: int) -> Columns:
    """The first `count` rows of the blocks, as one."""
    if not blocks:
        prices = np.empty(0, dtype=np.float64)
        return Columns(np.empty(0, dtype=np.int64), prices, prices, prices, prices, prices)
    return Columns(
        np.concatenate([block.open_time_ms for block in blocks])[:count],
        np.concatenate([block.open for block in blocks])[:count],
        np.concatenate([block.high for block in blocks])[:count],
        np.concatenate([block.low for block in blocks])[:count],
        np.concatenate([block.close for block in blocks])[:count],
        np.concatenate([block.volume for block in blocks])[:count],
    )
