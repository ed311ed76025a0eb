"""
A run in plain words: what its figures mean, the uncomfortable part first.

Reads the figures and the header; measures nothing itself.
"""

from typing import Final

from bot.core.events import RunStarted
from bot.reporting.leak import LeakCheck
from bot.reporting.provenance import Kinship, is_invented, outside_card, training
from bot.reporting.scoring import EVEN, NAIVE_BRIER
from bot.reporting.summary import Summary
from bot.reporting.wording import listed, number, percent

ENOUGH_FORECASTS: Final = 1_000
"""Below this a hit rate of 53 % cannot be told from luck."""

EXPECTED_TO_LOSE: Final = frozenset({"lively"})
"""Profiles that trade for the show of it."""


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
        outside_card(header),
        _on_model(summary, header),
        _on_errors(summary),
        _on_result(summary),
        _on_rest(summary),
        _on_trading(summary),
        _on_costs(summary, header),
        _on_luck(summary),
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


def _on_model(summary: Summary, header: RunStarted) -> str:
    """Whether it has an edge, and on what candles that was seen: one line, so that neither is read alone."""
    sample, edge = _on_sample(summary, header), _on_edge(summary)
    first, second = (sample, edge) if summary.in_sample_frac or summary.same_time_frac else (edge, sample)
    return f"{first} {second}".strip()


def _on_sample(summary: Summary, header: RunStarted) -> str:
    if summary.bundle is None:
        return ""
    share = summary.in_sample_frac
    if share is None:
        return "The bundle does not say what it was trained on, so nobody can say whether this run is in sample."
    if share == 1.0:
        return "In sample: the model was trained on every candle of this run; the figures say nothing of the future."
    if share or summary.same_time_frac:
        return _on_shares(share, summary.same_time_frac or 0.0)
    learnt = training(header.labels)
    if learnt is not None and learnt.kinship is Kinship.OTHER_SEED:
        return "Out of sample: the model was trained on another market of the same making, of another seed."
    return "Out of sample: the model was trained on none of these candles."


def _on_shares(trained: float, beside: float) -> str:
    """Some candles the model was trained on, others lie beside those in other markets."""
    others = f"{percent(beside, 1)} are of other markets, same time as its training: markets move together"
    if not trained:
        return f"Not out of sample: of these candles {others}."
    line = f"Partly in sample: the model was trained on {percent(trained, 1)} of these candles, which flatters the"
    return f"{line} figures." + (f" Another {others}, so these are not out of sample either." if beside else "")


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
    return f"No clear edge: the model beat the naive forecast in {listed(won)}, not in {listed(lost)}."


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
        if summary.mean_exposure_frac is not None:
            share = percent(summary.mean_exposure_frac, 1)
            line += f" with all of it in the market, where this run had {share} on average"
    return line + "."


def _on_rest(summary: Summary) -> str:
    if not summary.held_at_end_frac:
        return ""
    return (
        f"{percent(summary.held_at_end_frac, 1)} of the equity is still in the market at the last close, valued at "
        "that price and not sold: `candlewick status` says what is held."
    )


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
    """From what was made before costs to the result of the line before: the amounts add up to it."""
    told = summary.reckoning
    if told is None:
        return ""
    even = told.break_even_bps
    made = f"{number(told.before_costs, signed=True)} before costs"
    first = (
        f"The trading made {made}, so it breaks even where a round trip costs {even:.1f} bp."
        if even > 0.0
        else f"The trading would have lost even without costs: it made {made}, {number(even, 1)} bp a round trip."
    )
    asked = max(instrument.costs.round_trip_bps for instrument in header.instruments)
    if not told.paid:
        return f"{first} It paid nothing; the settings expect {asked:.1f} bp."
    return (
        f"{first} A round trip cost {told.paid_bps:.1f} bp: "
        f"{listed([f'{name} {number(amount)}' for name, amount in told.paid])}; the settings expect {asked:.1f} bp."
    )


def _on_luck(summary: Summary) -> str:
    """Fills that were better than their references: no cost, and nothing to be counted on."""
    told = summary.reckoning
    if told is None or not told.luck:
        return ""
    return (
        f"Its fills were better than the prices that its orders were sent at, by {number(told.luck)} in all "
        f"({told.bps(told.luck):.1f} bp a round trip): by chance of latency, and no skill of the model. Without it the "
        f"result would have been {number(told.result - told.luck, signed=True)}."
    )


def _on_profile(header: RunStarted) -> str:
    profile = header.labels.get("profile", "")
    if profile not in EXPECTED_TO_LOSE:
        return ""
    return f'The profile "{profile}" trades often, to show the machine at work: it is expected to lose to its costs.'
