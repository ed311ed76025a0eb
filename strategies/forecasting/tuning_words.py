"""
The verdict on a study in words: the first sentence says whether to take the choice.

Pure; knows figures only.
"""

from collections.abc import Sequence

from strategies.forecasting.tuning_verdict import Difference, Luck


def verdict(
    chosen: int, losses: tuple[float, float | None], found: Sequence[Difference], chances: Luck, openings: int
) -> tuple[str, ...]:
    """
    Say what came of a study.

    Args:
        chosen: The trial with the least loss; 0 is the default.
        losses: Its mean loss on the validation parts, and that of the default, None where that could not be judged.
        found: Both on the test parts, the measure that decides first.
        chances: What luck could have done.
        openings: How many choices of this study the test parts have judged.
    """
    return (
        *_finding(chosen, losses, found, chances.trials),
        _overfitting(chances),
        _deflation(chances),
        *_opened(openings),
    )


def _finding(
    chosen: int, losses: tuple[float, float | None], found: Sequence[Difference], trials: int
) -> tuple[str, ...]:
    if not chosen:
        return (
            (
                f"None of {trials} trials did better than the default on the validation parts: the default stays "
                f"(mean loss {losses[0]:.4f})."
            ),
        )
    first = found[0]
    default = "could not be judged there" if losses[1] is None else f"had {losses[1]:.4f}"
    bounds = f"{first.gain:+.4f}, with 95 % between {first.low:+.4f} and {first.high:+.4f}"
    figures = f"{first.measure} {first.chosen:.4f} against {first.default:.4f}"
    said = {
        "better": f"The choice is better than the default on candles that no trial has seen: {figures}, a gain of "
        f"{bounds}.",
        "worse": f"The choice is worse than the default on candles that no trial has seen: {figures}, a gain of "
        f"{bounds}. Keep the default.",
        "neither": f"The choice is not shown to be better than the default on candles that no trial has seen: "
        f"{figures}, a gain of {bounds}. Keep the default, or judge both on more candles.",
    }
    others = ", ".join(
        f"{each.measure} {each.chosen:.4f} against {each.default:.4f} ({each.finding})" for each in found[1:]
    )
    return (
        said[first.finding],
        f"Beside it: {others}.",
        (
            f"Trial {chosen} of {trials} was chosen by its mean loss on the validation parts, {losses[0]:.4f}; the "
            f"default {default}. That it is lower there says nothing, because it was chosen for it."
        ),
    )


def _overfitting(chances: Luck) -> str:
    found, over = chances.overfitting, f"{chances.finished} finished trials over all folds"
    if found is None:
        found, over = chances.first_fold, f"{chances.trials} trials over the first fold"
    if found is None:
        return "Too few trials or candles to say how likely the choice is overfitted."
    word = "no better than drawing lots" if found.probability >= 0.5 else "better than drawing lots"
    return (
        f"The probability of backtest overfitting is {found.probability:.0%}: of {over}, the best on one half of the "
        "candles was at or below the middle on the other half in that share of "
        f"{found.ways:,} ways to halve them. Choosing by return is {word} here."
    )


def _deflation(chances: Luck) -> str:
    found = chances.validation
    if found is None or chances.trials < 2:
        return "One trial alone was not chosen, so nothing is to be deflated."
    return (
        f"Of {chances.trials} trials without skill the best would have a Sharpe ratio of {found.by_luck:.4f} a "
        f"candle before costs; the choice has {found.sharpe:.4f}, which is above that with a probability of "
        f"{found.probability:.0%}."
    )


def _opened(openings: int) -> tuple[str, ...]:
    if openings < 2:
        return ()
    words = (
        f"The test parts have judged {openings} choices of this study: each look makes them less unseen, so trust "
        "the first one most."
    )
    return (words,)
