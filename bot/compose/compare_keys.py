"""What every key of a comparison's JSON report means; the report carries this along."""

from typing import Final

_ERRORS: Final = {
    "forecasts": "windows that were judged",
    "moves": "those after which the price was another",
    "mse_bps2": "mean squared error of the expected log return, in squared basis points",
    "rmse_bps": "its root, in basis points",
    "mae_bps": "mean absolute error of the expected log return, in basis points",
    "rmse_price": "root mean squared error of the price at the end, in quote currency; null for several markets",
    "mae_price": "mean absolute error of that price; null for several markets",
    "brier": "mean squared error of the probability of a rise, over moves; a coin has 0.25; null where nothing moved",
    "coverage": "share of returns that the interval held, meant to be 0.9",
    "width_bps": "mean width of the interval, in basis points",
}
_DIRECTION: Final = {
    "said": "forecasts of moves for which a direction was said",
    "rate": "share of them whose direction was right",
    "low": "lower 95 % bound of the rate, by a block bootstrap; null where forecasts are too few",
    "high": "upper 95 % bound of the rate; null where forecasts are too few",
    "by_seed": "the rate of each seed",
}
_TESTED: Final = {
    "statistic": "the test's statistic",
    "p_value": "probability of one as large or larger, if there were nothing to it",
}
_PERFORMANCE: Final = {
    "cost_bps": "cost of one side, in basis points of what is traded",
    "timing_sharpe": "Sharpe ratio of a year of what was earned beyond holding the account's own mean exposure of the "
    "market all the time; null where nothing was",
    "timing_low": "its lower 95 % bound, by a block bootstrap; null where candles are too few",
    "timing_high": "its upper 95 % bound; null where candles are too few",
    "timing_frac": "what was earned beyond that over the whole time, costs deducted, not compounded",
    "sharpe": "Sharpe ratio of a year of the account as it is, market and all, riskless rate zero; null where nothing "
    "was traded",
    "sharpe_low": "its lower 95 % bound, by a block bootstrap; null where candles are too few",
    "sharpe_high": "its upper 95 % bound; null where candles are too few",
    "sortino": "Sortino ratio of a year, target zero; null where nothing was lost",
    "max_drawdown_frac": "largest fall of the account from its highest value so far",
    "return_frac": "what the account made over the whole time",
    "sides_a_day": "amount traded a day, as a multiple of the account",
    "exposed_frac": "mean exposure",
}
_MONEY: Final = {
    "break_even": "cost of a side at which trading on every sign leaves nothing beyond holding its mean exposure; null "
    "where nothing was traded",
    "break_even.bps": "that cost, in basis points",
    "break_even.low": "its lower 95 % bound; null where trades are rare or candles too few",
    "break_even.high": "its upper 95 % bound",
    "on_sign[]": "the account at each cost, all in for a rise and out for a fall",
    "by_rule[]": "the account at each cost, by the shipped rule: a cost threshold to get in, hysteresis to stay in",
    "deflated[]": "for each cost, the timing of the rule's account beside luck",
    "deflated[].sharpe": "Sharpe ratio of the timing, of one holding period",
    "deflated[].by_luck": "the best such ratio to expect of all trials of this comparison without skill",
    "deflated[].probability": "probability that the true ratio is above what luck would have given",
}
_ROW: Final = {
    "name": "the forecaster",
    "family": "naive, fitted, classifier, network or ensemble",
    "seeds": "fits of a fold behind each figure; figures are of the usual seed, not of an average forecast",
    "errors": "over all folds",
    "direction": "over all folds; null where no direction is ever said",
    "significance.pesaran_timmermann": "one-sided test that directions are foretold, overlapping returns and markets "
    "that move as one allowed for; of the seed that did worst",
    "significance.against[]": "Diebold-Mariano tests against each naive row, one-sided for this row",
    "significance.against[].rival": "the naive row",
    "significance.against[].squared": "of squared errors; null where they never differ",
    "significance.against[].brier": "of Brier losses; null where they never differ",
    "significance.confidence_set_brier": "p-value of being among the best by Brier loss; 0.1 or more is in the set",
    "significance.confidence_set_squared": "the same by squared error",
    "parts[]": "the same by thirds of the known volatility, in named crashes, and by market where there are several",
    "parts[].name": "calm, usual, stormy, the crash, or the market",
    "making.fits": "fits that were made for this row",
    "making.seconds": "mean seconds of one fit, its forecasts included, beside other processes",
    "making.weights": "numbers that were learnt; null where they cannot be counted",
    "making.serving.microseconds": "time of one answer; null where there is no graph",
    "making.serving.note": "how that was measured, or why not",
}
_TABLE: Final = {
    "name": "the question: timeframe and horizon",
    "timeframe": "length of a candle",
    "horizon": "candles that a forecast reaches ahead",
    "barrier": "distance of the barriers of triple-barrier labels, in volatilities; null for plain labels",
    "markets[]": "the markets, learnt from together",
    "folds[]": "train, validation and test, each from and until in milliseconds UTC",
    "windows": "windows that were judged",
    "costs_bps[]": "the costs of a side that all accounts are told at",
    "trials": "rows and seeds of all questions of this comparison, each traded by the rule: what the deflated Sharpe "
    "ratios know of; earlier comparisons are not counted",
    "buy_and_hold[]": "who held the markets all the time, at each cost",
    "overfitting[]": "for each cost, of choosing the row with the best timing by the rule; null where too few",
    "overfitting[].probability": "share of halvings in which one half's winner is not above the middle of the other",
    "overfitting[].loss_probability": "share of ways in which it lost money there",
    "overfitting[].ways": "how many ways there are",
    "rows[]": "one forecaster each",
}
_VERDICT: Final = {
    "verdict.sentences[]": "the verdict, in words",
    "verdict.beats_naive[]": "question and row of all that beat every naive row",
    "verdict.tradable_bps": "highest cost of a side at which a row's timing is worth trading; null where there is none",
}


def _under(prefix: str, keys: dict[str, str]) -> dict[str, str]:
    return {f"{prefix}{key}": meaning for key, meaning in keys.items()}


_ROWS: Final = (
    _ROW
    | _under("errors.", _ERRORS)
    | _under("direction.", _DIRECTION)
    | _under("significance.pesaran_timmermann.", _TESTED)
    | _under("significance.against[].squared.", _TESTED)
    | _under("significance.against[].brier.", _TESTED)
    | _under("parts[].errors.", _ERRORS)
    | _under("parts[].direction.", _DIRECTION)
    | _under("money.", _MONEY)
    | _under("money.on_sign[].", _PERFORMANCE)
    | _under("money.by_rule[].", _PERFORMANCE)
)

KEYS: Final = (
    {
        "format": "version of this file",
        "settings": "what was asked for",
        "candles[]": "market, timeframe and sha256 of the candles that were read",
        "data": "sha256 of each question's data set",
        "fits": "fits that were made by this run",
        "kept": "fits that an earlier run had made of the same data and settings",
        "seconds": "time that this run took",
        "locked": "the same over the locked period; null if it was not opened",
        "locked.openings[]": "every recorded look that reached past its begin, of whatever command, this one last",
        "tables[]": "one question each",
        "keys": "this list",
    }
    | _VERDICT
    | _under("tables[].", _TABLE | _under("buy_and_hold[].", _PERFORMANCE) | _under("rows[].", _ROWS))
)
"""Paths of keys with their meanings; those under `locked` are as those above."""
