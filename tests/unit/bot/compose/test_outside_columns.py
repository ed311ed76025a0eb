from pathlib import Path

import numpy as np
import pytest

from bot.adapters.external.series_store import SeriesStore, series_name
from bot.compose.outside_columns import outside_columns
from bot.core.errors import ConfigError, DataError
from bot.core.external import Observation
from bot.core.market import DAY_MS


def store(folder: Path, late_days: int = 0, *, stated: bool = False) -> Path:
    rows = [
        Observation(day * DAY_MS, (day + 1) * DAY_MS, (day + 1 + late_days) * DAY_MS, "made", 0, 50.0 + day, stated)
        for day in range(20)
    ]
    with SeriesStore(folder).writing(series_name("alternative.me/fear_greed")) as writer:
        writer.append(rows)
    return folder


def test_no_groups_are_no_columns(tmp_path: Path) -> None:
    assert outside_columns([], tmp_path, backfilled=False) is None


def test_a_group_of_the_store_gives_a_row_for_every_close(tmp_path: Path) -> None:
    outside = outside_columns(["fear_greed", "fear_greed"], store(tmp_path), backfilled=False)
    assert outside is not None
    beside = outside.beside
    rows = beside.rows_at(np.arange(5, 15) * DAY_MS)

    assert rows.shape == (10, len(beside.names))
    assert rows.dtype == np.float32
    # The newest day that was known at the close of day 10 is day 9: 59 of 100.
    assert rows[5, beside.names.index("fear_greed_level")] == pytest.approx(0.18)


def test_an_unknown_group_and_a_store_without_its_series_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no group moods: choose of market, onchain, fear_greed, news"):
        outside_columns(["moods"], tmp_path, backfilled=False)
    with pytest.raises(DataError, match=r"btc\.AdrActCnt"):
        outside_columns(["onchain"], tmp_path, backfilled=False)


def level_at(day: int, folder: Path, *, backfilled: bool) -> float:
    outside = outside_columns(["fear_greed"], folder, backfilled=backfilled)
    assert outside is not None
    names = outside.beside.names
    return float(outside.beside.rows_at(np.array([day * DAY_MS]))[0, names.index("fear_greed_level")])


def test_what_came_late_counts_from_when_it_came_unless_it_is_asked_for(tmp_path: Path) -> None:
    folder = store(tmp_path, late_days=8)

    assert level_at(10, folder, backfilled=True) == pytest.approx(0.18)
    # The newest that had come by then is eight days old, which is no news.
    assert level_at(10, folder, backfilled=False) == 0.0


@pytest.mark.parametrize("backfilled", [False, True])
def test_what_came_a_day_late_counts_from_when_it_came(tmp_path: Path, backfilled: bool) -> None:
    assert level_at(10, store(tmp_path, late_days=1), backfilled=backfilled) == pytest.approx(0.16)


def test_who_states_when_a_row_was_known_is_believed(tmp_path: Path) -> None:
    assert level_at(10, store(tmp_path, late_days=300, stated=True), backfilled=False) == pytest.approx(0.18)


@pytest.mark.parametrize(
    ("stated", "backfilled", "said"),
    [(False, True, ["Back-filled"]), (False, False, []), (True, False, ["Taken at their word"])],
)
def test_a_group_says_how_far_it_can_be_trusted(
    tmp_path: Path, stated: bool, backfilled: bool, said: list[str]
) -> None:
    outside = outside_columns(["fear_greed"], store(tmp_path, late_days=300, stated=stated), backfilled=backfilled)
    assert outside is not None

    assert [sentence.partition(":")[0] for sentence in outside.sentences] == said
    assert all("100.0% of the rows (20 of 20)" in sentence for sentence in outside.sentences)


def test_a_history_of_which_nothing_had_come_is_refused(tmp_path: Path) -> None:
    folder = store(tmp_path, late_days=300)
    strict, asked = (outside_columns(["fear_greed"], folder, backfilled=each) for each in (False, True))
    assert strict is not None
    assert asked is not None

    with pytest.raises(ConfigError, match="--backfilled"):
        strict.require_known(100 * DAY_MS)
    strict.require_known(301 * DAY_MS)
    asked.require_known(100 * DAY_MS)
