"""
A run in plain words: what its figures mean, the uncomfortable part first.

Reads the figures and the header; measures nothing itself.
"""

from typing import Final

from bot.core.events import RunStarted
from bot.reporting.leak import LeakCheck
from bot.reporting.scoring import EVEN, NAIVE_BRIER
from bot.reporting.summary import Summary
from bot.reporting.wording import number, percent

ENOUGH_FORECASTS: Final = 1_000
"""Below this a hit rate of 53 % cannot be told from luck."""

EXPECTED_TO_LOSE: Final = frozenset({"lively"})
"""Profiles that trade for the show of it."""


def is_invented(header: RunStarted) -> bool:
    """Whether the run's market was made by a generator: its label then begins with "invented"."""
    return header.labels.get("market", "").lower().startswith("invented")


def verdict(summary: Summary, header: RunStarted, leak: LeakCheck | None = None) -> tuple[str, ...]:
    """
    Say what the run shows, in sentences, the first of which a reader must not miss.

    Args:
        summary: The figures.
        header: The run's first record, with its labels.
        leak: What the test for a leak saw, where the market was a real one.
    """
    lines = (
        _on_market(header),
        _on_leak(leak),
        _on_model(summary),
        _on_errors(summary),
        _on_result(summary),
        _on_trading(summary),
        _on_costs(summary, header),
        _on_profile(header),
    )
    return tuple(line for line in lines if line)


def _on_market(header: RunStarted) -> str:
    if not is_invented(header):
        return ""
    return (
        f"Not a real market but an {header.labels['market']}: the result shows that the machine works, "
        "not that it would earn money."
    )


def _on_leak(leak: LeakCheck | None) -> str:
    if leak is None or not leak.suspected or leak.hit_rate is None or leak.hit_rate_bound is None:
        return ""
    return (
        f"Suspected leak: {percent(leak.hit_rate, 1)} of {leak.moves:,} directions right out of sample, surely above "
        f"{percent(leak.hit_rate_bound, 1)}, is too good to be true. Some input knows the future: believe no figure."
    )


def _on_model(summary: Summary) -> str:
    """Whether it has an edge, and on what candles that was seen: one line, so that neither is read alone."""
    sample, edge = _on_sample(summary), _on_edge(summary)
    first, second = (edge, sample) if summary.in_sample_frac == 0.0 else (sample, edge)
    return f"{first} {second}".strip()


def _on_sample(summary: Summary) -> str:
    if summary.bundle is None:
        return ""
    share = summary.in_sample_frac
    if share is None:
        return "The bundle does not say what it was trained on, so nobody can say whether this run is in sample."
    if share == 0.0:
        return "Out of sample: the model was trained on none of these candles."
    if share == 1.0:
        return "In sample: the model was trained on every candle of this run; the figures say nothing of the future."
    return (
        f"Partly in sample: the model was trained on {percent(share, 1)} of these candles, which flatters the figures."
    )


def _on_edge(summary: Summary) -> str:
    if summary.forecasts == 0:
        return "No forecast was made: the strategy traded without a model." if summary.orders else ""
    if summary.mae_bps is None:
        return "No forecast could be compared with what came of it."
    if summary.forecasts < ENOUGH_FORECASTS:
        return f"Too few forecasts to tell skill from luck: {summary.forecasts:,}, and {ENOUGH_FORECASTS:,} are needed."
    won = [name for name, better in _comparisons(summary) if better]
    lost = [name for name, better in _comparisons(summary) if not better]
    if not won:
        return "No edge: the model did not beat the naive forecast."
    if not lost:
        return "The model beat the naive forecast on every measure."
    return f"No clear edge: the model beat the naive forecast in {_listed(won)}, not in {_listed(lost)}."


def _on_errors(summary: Summary) -> str:
    if summary.mae_bps is None or summary.naive_mae_bps is None:
        return ""
    line = f'Its mean error was {summary.mae_bps:.2f} bp; saying "no move" has {summary.naive_mae_bps:.2f} bp.'
    if summary.directional_accuracy is not None:
        line += f" It was right about the direction {percent(summary.directional_accuracy, 1)} of the time."
    return line


def _comparisons(summary: Summary) -> list[tuple[str, bool]]:
    """Each measure that could be taken, and whether the model beat the naive forecast in it."""
    pairs = (
        ("mean error", summary.mae_bps, summary.naive_mae_bps),
        ("squared error", summary.rmse_bps, summary.naive_rmse_bps),
        ("probabilities", summary.brier, NAIVE_BRIER),
    )
    compared = [(name, ours < naive) for name, ours, naive in pairs if ours is not None and naive is not None]
    if summary.directional_accuracy is not None:
        # Two standard errors of a fair coin: less than that above one half is what luck gives.
        luck = 2.0 * EVEN / summary.forecasts**EVEN
        compared.append(("direction", summary.directional_accuracy > EVEN + luck))
    return compared


def _on_result(summary: Summary) -> str:
    if summary.final_equity is None or summary.return_frac is None:
        return "The account was never marked: there is no result."
    line = (
        f"{number(summary.initial_equity)} became {number(summary.final_equity)} "
        f"({percent(summary.return_frac, signed=True)})"
    )
    if summary.buy_and_hold_return_frac is not None:
        line += f"; buying and holding made {percent(summary.buy_and_hold_return_frac, signed=True)}"
    return line + "."


def _on_trading(summary: Summary) -> str:
    if summary.fills:
        return ""
    best, needed = summary.best_expected_move_bps, summary.needed_move_bps
    if summary.orders:
        return f"{summary.orders:,} orders were sent and none was filled."
    if summary.denied:
        return f"No order was sent: risk refused {summary.denied:,} decisions; the table of refusals says why."
    if best is not None and needed is not None:
        return (
            f"No order was sent: the best expected move seen was {best:.1f} bp, and {needed:.1f} bp were needed to "
            "clear the cost of trading."
        )
    if summary.signals:
        return "No order was sent: the strategy never wanted a position that it did not hold."
    return "No order was sent: no decision got as far as a signal; the table of decisions says why."


def _on_costs(summary: Summary, header: RunStarted) -> str:
    if summary.break_even_bps is None:
        return ""
    asked = max(instrument.costs.round_trip_bps for instrument in header.instruments)
    if summary.break_even_bps <= 0.0:
        return f"The trading would have lost even without costs; a round trip cost {asked:.1f} bp."
    return f"The trading broke even at {summary.break_even_bps:.1f} bp a round trip; a round trip cost {asked:.1f} bp."


def _on_profile(header: RunStarted) -> str:
    profile = header.labels.get("profile", "")
    if profile not in EXPECTED_TO_LOSE:
        return ""
    return f'The profile "{profile}" trades often, to show the machine at work: it is expected to lose to its costs.'


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
