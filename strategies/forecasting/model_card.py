"""
Says in plain words what a bundle is.

What it was trained on, how good it was on what it had not seen, and what it must not be used for: pure text from
figures. Knows no network.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from bot.core.market import Costs
from strategies.forecasting.bundle import Architecture, DataSpan
from strategies.forecasting.evaluation import Figures, WalkForward

COIN_BRIER: Final = 0.25


class CardFacts(Struct, frozen=True):
    """All that a card speaks of. `theoretical_hit_rate` is given for invented markets only, `remark` by a person."""

    name: str
    data: DataSpan
    architecture: Architecture
    parameters: int
    walk_forward: WalkForward | None
    validation: Figures
    theoretical_hit_rate: float | None
    remark: str | None = None


def write_card(facts: CardFacts) -> str:
    """Write the card, as Markdown."""
    return "\n".join(_lines(facts)) + "\n"


def _lines(facts: CardFacts) -> Iterator[str]:
    yield f"# {facts.name}"
    yield ""
    yield _verdict(facts)
    yield ""
    yield "## What it is"
    yield ""
    shape = facts.architecture
    yield (
        f"A causal CNN-LSTM with {facts.parameters:,} weights. It reads the last {shape.window} closed candles as "
        f"{shape.features} features each and says of the next one: the probability that it closes higher, the "
        "expected log return, and an interval meant to hold 90 % of returns."
    )
    yield ""
    yield "## What it has seen"
    yield ""
    data = facts.data
    yield f"- Source: {data.source}"
    yield f"- Markets: {', '.join(data.symbols)}, candles of {data.timeframe}"
    yield (
        f"- In sample: {_date(data.trained_from_ms)} to {_date(data.trained_until_ms)} UTC, the validation part "
        "included; whatever touches this span proves nothing"
    )
    yield f"- Candles read: {data.rows:,}, sha256 {data.fingerprint}"
    yield ""
    yield "## How good it was on candles it had not seen"
    yield ""
    yield from _walk_forward(facts.walk_forward)
    yield ""
    if facts.remark:
        yield facts.remark
        yield ""
    yield (
        f"Validation part of the shipped network, which chose its epoch and its calibration and so flatters it: hit "
        f"rate {facts.validation.hit_rate:.1%}, Brier {facts.validation.brier:.4f}."
    )
    yield ""
    yield "## What it must not be used for"
    yield ""
    yield from _limits(facts)


def _verdict(facts: CardFacts) -> str:
    if facts.theoretical_hit_rate is not None:
        return (
            "**The market is invented.** It has an edge planted in it: neighbouring returns are correlated, and the "
            f"best possible hit rate is {facts.theoretical_hit_rate:.1%}. This bundle shows the machine at work; it "
            "knows nothing of any real market."
        )
    if facts.walk_forward is None:
        return (
            "**Not tested on unseen candles.** Trained without a walk-forward test, so nothing is known of its skill."
        )
    first = facts.walk_forward.pooled[0]
    if first.hit_rate_low <= max(0.5, first.always_up_rate) or first.brier >= COIN_BRIER:
        return "**No skill was found** on unseen candles: it is not surely better than always saying the same."
    costs = Costs().round_trip_bps
    size = "A small skill, and no profit in it at a taker's fees" if first.mean_expected_bps < costs else "A skill"
    return (
        f"**{size}.** On unseen candles the direction was right {first.hit_rate:.1%} of the time; betting against the "
        f"last candle was right {first.reversal_hit_rate:.1%}. The move that it expects is "
        f"{first.mean_expected_bps:.1f} basis points on average; buying and selling again at the market costs "
        f"{costs:.0f} by default."
    )


def _walk_forward(judged: WalkForward | None) -> Iterator[str]:
    if judged is None:
        yield "No walk-forward test was made."
        return
    yield (
        "Walk-forward: networks fitted in the same way on earlier candles only, with a purge of one candle and an "
        "embargo of one window between the parts. Directions leave out moves of zero; brackets are 95 % bounds by a "
        "block bootstrap; errors are in basis points of the next return."
    )
    yield ""
    yield (
        "| test part | seed | moves | hit rate | reversal rule | always up | Brier | its Brier | MAE | of no move "
        "| RMSE | of no move | 90 % interval holds |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    for fold in judged.folds:
        yield _row(f"{_date(fold.from_ms)} to {_date(fold.until_ms)}", fold.seed, fold.figures)
    for seed, together in zip(judged.seeds, judged.pooled, strict=True):
        yield _row("**all**", seed, together)
    yield ""
    yield (
        "The reversal rule says the opposite of the last candle; *its Brier* is that of saying so with the "
        "probability at which it held in the training part. A coin has a Brier score of 0.25."
    )


def _row(part: str, seed: int, row: Figures) -> str:
    return (
        f"| {part} | {seed} | {row.moves:,} | {row.hit_rate:.1%} [{row.hit_rate_low:.1%}, {row.hit_rate_high:.1%}] "
        f"| {row.reversal_hit_rate:.1%} | {row.always_up_rate:.1%} | {row.brier:.4f} | {row.reversal_brier:.4f} "
        f"| {row.mae_bps:.2f} | {row.persistence_mae_bps:.2f} | {row.rmse_bps:.2f} | {row.persistence_rmse_bps:.2f} "
        f"| {row.coverage:.1%} |"
    )


def _limits(facts: CardFacts) -> Iterator[str]:
    yield (
        f"- Other timeframes than {facts.data.timeframe}, and other markets than {', '.join(facts.data.symbols)}: "
        "nothing is known of it there."
    )
    if facts.theoretical_hit_rate is None:
        yield (
            "- Trading on every sign it gives. A hit rate a few points above one half is worth a few basis points; "
            "fees, spread and slippage cost more. Act only where the expected move clears the full cost, "
            "which may be never."
        )
        yield "- Large moves: what skill there is lies in ordinary candles, and an edge found in the past fades."
    else:
        yield "- Any decision about money: the edge exists because the market's maker put it there."
    yield "- Longer horizons than the next candle."


def _date(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d")
