"""Groups of outside columns, side by side behind the rows of candles."""

import numpy as np
import pytest

from bot.core.errors import DataError
from bot.core.external import Headline, Observation
from bot.core.market import DAY_MS
from strategies.forecasting.external.groups import (
    NUMBER_GROUPS,
    FeatureGroup,
    external_names,
    external_rows,
    news_group,
    number_group,
)

HOUR_MS = 3_600_000
CLOSES = np.arange(1, 481, dtype=np.int64) * HOUR_MS


def days(scale: float = 1.0) -> list[Observation]:
    return [
        Observation(at * DAY_MS, (at + 1) * DAY_MS, (at + 1) * DAY_MS, "made", 0, scale * (50.0 + at % 3))
        for at in range(20)
    ]


def group(name: str, scale: float = 1.0) -> FeatureGroup:
    return number_group(name, {reading.series: days(scale) for reading in NUMBER_GROUPS[name]})


def test_a_group_has_a_flag_and_an_age_for_each_series():
    assert group("onchain").columns == tuple(
        f"{series}_{column}"
        for series in ("addresses", "transactions", "chain_cap")
        for column in ("change_1d", "change_7d", "missing", "age")
    )
    assert group("fear_greed").columns == tuple(
        f"fear_greed_{column}" for column in ("level", "change_7d", "missing", "age")
    )
    assert len(group("market").columns) == 8


def test_rows_are_finite_and_as_many_as_the_closes():
    news = news_group([Headline(HOUR_MS, HOUR_MS, HOUR_MS, "made", 0, "k", "Bitcoin soars")])
    groups = [group("onchain"), group("fear_greed"), news]
    rows = external_rows(groups, CLOSES)
    assert rows.shape == (len(CLOSES), len(external_names(groups)))
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    flags = rows[:, [column.endswith("_missing") for column in external_names(groups)]]
    assert set(np.unique(flags)) == {0.0, 1.0}


def test_without_a_group_there_are_no_columns():
    assert external_rows([], CLOSES).shape == (len(CLOSES), 0)
    assert external_names([]) == ()


def test_a_part_of_the_closes_has_the_same_rows():
    whole = external_rows([group("onchain")], CLOSES)
    assert external_rows([group("onchain")], CLOSES[100:200]).tobytes() == whole[100:200].tobytes()


def test_a_series_that_is_not_there_is_named():
    with pytest.raises(DataError, match=r"onchain needs coinmetrics/btc.TxCnt, coinmetrics/btc.CapMrktCurUSD: "):
        number_group("onchain", {"coinmetrics/btc.AdrActCnt": days()})
    with pytest.raises(DataError, match="news needs headlines"):
        news_group([])


def test_the_fingerprint_is_of_what_decides_the_rows():
    assert group("market").fingerprint == group("market").fingerprint
    prints = {group("market").fingerprint, group("onchain").fingerprint, group("fear_greed").fingerprint}
    assert len(prints | {group("fear_greed", 1.01).fingerprint}) == 4
