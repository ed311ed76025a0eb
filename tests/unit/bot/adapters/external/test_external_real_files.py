"""Real on-chain rows, headlines and index, where they are at hand: all of them are read, and known when they say."""

from pathlib import Path

import numpy as np
import pytest

from bot.adapters.external.collecting import import_rows
from bot.adapters.external.csv_series import FileRows, Timing, read_headlines, read_numbers
from bot.adapters.external.series_store import SeriesStore, series_name
from bot.core.external import ExternalRow, Observation
from strategies.forecasting.external.asof import steps_of_values
from strategies.forecasting.external.groups import external_rows, news_group, number_group
from strategies.forecasting.external.readings import ON_CHAIN
from strategies.forecasting.external.rows import columns_of
from strategies.forecasting.external.sentiment import score_texts

DATA = Path(__file__).resolve().parents[6] / "shared" / "data"
CHAIN = DATA / "onchain" / "coinmetrics_btc_daily.csv.gz"
INDEX = DATA / "sentiment" / "fear_greed_daily.csv.gz"
HEADLINES = DATA / "sentiment" / "cryptonews.csv.gz"

NOW_MS = 1_760_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
COMPLETED = Timing("time", "AssetEODCompletionTime")

pytestmark = pytest.mark.skipif(not CHAIN.is_file(), reason="needs the real series in ../shared/data")


def ms(text: str) -> int:
    return int(np.datetime64(text, "ms").astype(np.int64))


def chain(metric: str) -> FileRows:
    return read_numbers(CHAIN, COMPLETED, metric, NOW_MS)


def index() -> FileRows:
    return read_numbers(INDEX, Timing("date", delay_ms=HOUR_MS), "value", NOW_MS)


def headlines() -> FileRows:
    timing = Timing("date", delay_ms=60_000, pattern="%d-%m-%Y %H:%M")
    return read_headlines(HEADLINES, timing, "title", "url", NOW_MS)


def numbers(rows: tuple[ExternalRow, ...]) -> list[Observation]:
    return [row for row in rows if isinstance(row, Observation)]


@pytest.mark.parametrize(
    ("read", "series", "rows", "left_out", "first", "last"),
    [
        (lambda: chain("AdrActCnt"), "coinmetrics/btc.AdrActCnt", 5_842, 0, "2009-01-03", "2024-12-31"),
        (lambda: chain("TxCnt"), "coinmetrics/btc.TxCnt", 5_842, 0, "2009-01-03", "2024-12-31"),
        (lambda: chain("CapMrktCurUSD"), "coinmetrics/btc.CapMrktCurUSD", 5_281, 561, "2010-07-18", "2024-12-31"),
        (index, "alternative.me/fear_greed", 2_422, 0, "2018-02-01", "2024-09-21"),
        (headlines, "csv/cryptonews", 7_464, 60, "2021-10-12T20:00", "2022-07-05T04:24"),
    ],
)
def test_every_row_is_read_and_stored(tmp_path, read, series, rows, left_out, first, last):
    told, store = read(), SeriesStore(tmp_path)
    assert (len(told.rows), told.left_out) == (rows, left_out)
    assert import_rows(store, series_name(series), told.rows).rows == rows
    assert import_rows(store, series_name(series), read().rows).added == 0
    events = [row.event_time_ms for row in store.read(series_name(series)).rows]
    assert (min(events), max(events)) == (ms(first), ms(last))


def test_a_day_on_chain_is_known_a_day_and_some_hours_after_its_begin():
    rows = [row for row in chain("AdrActCnt").rows if row.event_time_ms >= ms("2021-02-26")]
    lags = np.array([(row.available_at_ms - row.event_time_ms) / HOUR_MS for row in rows])
    assert len(rows) == 1_405
    assert lags.min() > 26.2
    assert 28.0 < np.median(lags) < 29.0
    assert (lags > 36.0).sum() == 10
    assert 142.0 < lags.max() < 143.0


def test_nothing_on_chain_is_known_before_its_true_publication_began():
    steps = steps_of_values("addresses", columns_of(numbers(chain("AdrActCnt").rows)), ON_CHAIN[0].max_age_ms)
    closes = np.arange(ms("2020-12-01"), ms("2025-06-01"), HOUR_MS)
    known = closes[~steps.at(closes).missing]
    assert known[0] == ms("2021-02-26T12:00")
    # Coin Metrics stood still for five days in August 2024, and the file ends with that year.
    assert [int(gap) // HOUR_MS for gap in np.diff(known) if gap > HOUR_MS] == [71]
    assert known[-1] == ms("2025-01-04T00:00")


def test_availability_an_hour_later_changes_an_hour_of_each_day():
    columns = columns_of(numbers(chain("AdrActCnt").rows))
    late = columns_of(
        [
            Observation(row.event_time_ms, row.available_at_ms + HOUR_MS, NOW_MS, row.source, 0, row.value)
            for row in numbers(chain("AdrActCnt").rows)
        ]
    )
    closes = np.arange(ms("2021-03-01"), ms("2024-12-31"), HOUR_MS)
    one, other = (steps_of_values("x", each, 10 * DAY_MS).at(closes).values[:, 0] for each in (columns, late))
    days = len(closes) // 24
    assert 0.99 * days < (one != other).sum() <= days


def test_the_groups_of_real_rows_are_finite_columns():
    rows_of = {
        f"coinmetrics/btc.{metric}": numbers(chain(metric).rows) for metric in ("AdrActCnt", "TxCnt", "CapMrktCurUSD")
    }
    rows_of["alternative.me/fear_greed"] = numbers(index().rows)
    told = [row for row in headlines().rows if not isinstance(row, Observation)]
    closes = np.arange(ms("2021-03-10"), ms("2024-09-21"), HOUR_MS)
    groups = [number_group("onchain", rows_of), number_group("fear_greed", rows_of), news_group(told[:1_500])]
    rows = external_rows(groups, closes)
    assert rows.shape == (len(closes), 24)
    assert np.isfinite(rows).all()
    assert rows[:, groups[0].columns.index("addresses_missing")].mean() < 0.003


def test_our_words_leave_fewer_headlines_without_a_tone():
    from vader import SentimentIntensityAnalyzer

    texts = [row.text for row in headlines().rows if not isinstance(row, Observation)][:1_500]
    plain = SentimentIntensityAnalyzer()
    silent = sum(plain.polarity_scores(text)["compound"] == 0.0 for text in texts)
    assert (score_texts(texts) == 0).sum() < 0.85 * silent
