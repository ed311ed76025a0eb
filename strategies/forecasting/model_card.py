"""
Says in plain words what a bundle is.

What it was trained on, how good it was on what it had not seen, and what it must not be used for: pure text from
figures. Knows no network.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from bot.core.market import Costs
from strategies.forecasting.bundle import Architecture, DataSpan
from strategies.forecasting.evaluation import Figures, WalkForward
from strategies.forecasting.importance import Explanation, Importance

SURE: Final = 0.05
"""Probability of luck up to which a naive rule counts as beaten."""
CNN_LSTM: Final = "CNN-LSTM"
"""The default kind, whose convolutions look back only."""
_LEAST_TOLD: Final = 0.001


class CardFacts(Struct, frozen=True):
    """
    All that a card speaks of.

    `theoretical_hit_rate` is given for invented markets only, `remark` by a person, `explanation` where the forecasts
    were taken apart before the bundle was sealed.
    """

    name: str
    data: DataSpan
    architecture: Architecture
    parameters: int
    walk_forward: WalkForward | None
    validation: Figures
    theoretical_hit_rate: float | None
    remark: str | None = None
    explanation: Explanation | None = None


def write_card(facts: CardFacts) -> str:
    """Write the card, as Markdown."""
    return "\n".join(_lines(facts)) + "\n"


def write_explanation(explanation: Explanation) -> str:
    """
    Write what a bundle's forecasts rest on as a page of its own, as Markdown.

    A card is sealed by its bundle's manifest, so what is found out later stands beside it and names its fingerprint.
    """
    title = [f"# {explanation.bundle}: what its forecasts rest on", "", f"Of bundle {explanation.fingerprint}.", ""]
    return "\n".join([*title, *_explanation(explanation)]) + "\n"


def _lines(facts: CardFacts) -> Iterator[str]:
    yield f"# {facts.name}"
    yield ""
    yield _verdict(facts)
    yield ""
    yield "## What it is"
    yield ""
    shape = facts.architecture
    what = "causal CNN-LSTM" if shape.kind == CNN_LSTM else f"network of the kind {shape.kind}"
    yield (
        f"A {what} with {facts.parameters:,} weights. It reads the last {shape.window} closed candles as "
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
    if facts.explanation is not None:
        yield "## What its forecasts rest on"
        yield ""
        yield from _explanation(facts.explanation)
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
    return _skill(facts.walk_forward)


def _skill(judged: WalkForward) -> str:
    """What was proven of the worst seed, beside everybody who knows nothing."""
    if not judged.against:
        return "**Not compared with naive rules.** So nothing is proven of its skill."
    coin, reversal, hits, same = (
        max(getattr(one, name) for one in judged.against) for name in ("coin", "reversal", "reversal_hits", "same_hits")
    )
    worst = min(judged.pooled, key=lambda one: one.hit_rate)
    told = (
        f"On unseen candles the direction was right {worst.hit_rate:.1%} of the time for the worst seed; betting "
        f"against the last candle was right {worst.reversal_hit_rate:.1%}, and saying {_most(worst)}. Chance alone "
        f"would make the Brier score so much better than a coin's with probability {_chance(coin)}, than the reversal "
        f"rule's with {_chance(reversal)}, and directions so much better than the rule's with {_chance(hits)}."
    )
    if max(coin, same) > SURE:
        return f"**No skill was found**: it is not surely better than a coin, or than always saying the same. {told}"
    if max(reversal, hits) > SURE:
        return f"**No better than the reversal rule**, which anybody can follow without a model. {told}"
    costs = Costs().round_trip_bps
    small = worst.mean_expected_bps < costs
    size = "though no profit in it at a taker's fees" if small else "and moves that clear a taker's fees"
    return (
        f"**Better than every naive rule, {size}.** {told} The move that it expects is {worst.mean_expected_bps:.1f} "
        f"basis points on average; buying and selling again at the market costs {costs:.0f} by default."
    )


def _most(row: Figures) -> str:
    up = row.always_up_rate
    return f"always up {up:.1%}" if up > 0.5 else f"always down {1.0 - up:.1%}"


def _chance(probability: float) -> str:
    return f"{probability:.3f}" if probability >= _LEAST_TOLD else f"less than {_LEAST_TOLD}"


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
    yield ""
    yield (
        "Whether the way of training finds skill where there is none was not measured here, and so is not passed: "
        "`candlewick audit` fits networks on noise to see it."
    )


def _row(part: str, seed: int, row: Figures) -> str:
    return (
        f"| {part} | {seed} | {row.moves:,} | {row.hit_rate:.1%} [{row.hit_rate_low:.1%}, {row.hit_rate_high:.1%}] "
        f"| {row.reversal_hit_rate:.1%} | {row.always_up_rate:.1%} | {row.brier:.4f} | {row.reversal_brier:.4f} "
        f"| {row.mae_bps:.2f} | {row.persistence_mae_bps:.2f} | {row.rmse_bps:.2f} | {row.persistence_rmse_bps:.2f} "
        f"| {row.coverage:.1%} |"
    )


def _explanation(told: Explanation) -> Iterator[str]:
    yield (
        f"Seen on {told.moves:,} moves of {', '.join(told.symbols)}, {_date(told.from_ms)} to {_date(told.until_ms)}, "
        f"which it was not trained on. As it is, its Brier score there is {told.brier:.4f} and {told.wrong:.1%} of its "
        f"directions are wrong. A part of every window was exchanged for that of another time, in blocks of "
        f"{told.block} windows, {told.repeats} times; the figures say how much worse the forecasts became, with one "
        "standard error over blocks and draws. Parts that say the same stand in for each other, and look smaller here."
    )
    yield ""
    yield from _rises("columns", told.groups)
    yield ""
    yield "By candle of the window, counted back from the last one; older ones are exchanged several at a time:"
    yield ""
    yield from _rises("candles back", told.steps)


def _rises(heading: str, parts: Iterable[Importance]) -> Iterator[str]:
    yield f"| {heading} | Brier + | ± | wrong directions + | ± |"
    yield "|---|---|---|---|---|"
    for one in parts:
        brier, direction = one.brier, one.direction
        yield (f"| {one.part} | {brier.rise:.5f} | {brier.error:.5f} | {direction.rise:.2%} | {direction.error:.2%} |")


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
