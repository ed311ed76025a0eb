from pathlib import Path

import numpy as np
import pytest

from bot.adapters.external.series_store import SeriesStore, series_name
from bot.compose.outside_columns import outside_columns
from bot.core.errors import ConfigError, DataError
from bot.core.external import Observation
from bot.core.market import DAY_MS


def store(folder: Path) -> Path:
    rows = [
        Observation(day * DAY_MS, (day + 1) * DAY_MS, (day + 1) * DAY_MS, "made", 0, 50.0 + day) for day in range(20)
    ]
    with SeriesStore(folder).writing(series_name("alternative.me/fear_greed")) as writer:
        writer.append(rows)
    return folder


def test_no_groups_are_no_columns(tmp_path: Path) -> None:
    assert outside_columns([], tmp_path) is None


def test_a_group_of_the_store_gives_a_row_for_every_close(tmp_path: Path) -> None:
    beside = outside_columns(["fear_greed", "fear_greed"], store(tmp_path))
    assert beside is not None
    rows = beside.rows_at(np.arange(5, 15) * DAY_MS)

    assert rows.shape == (10, len(beside.names))
    assert rows.dtype == np.float32
    # The newest day that was known at the close of day 10 is day 9: 59 of 100.
    assert rows[5, beside.names.index("fear_greed_level")] == pytest.approx(0.18)


def test_an_unknown_group_and_a_store_without_its_series_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no group moods: choose of market, onchain, fear_greed, news"):
        outside_columns(["moods"], tmp_path)
    with pytest.raises(DataError, match=r"btc\.AdrActCnt"):
        outside_columns(["onchain"], tmp_path)
