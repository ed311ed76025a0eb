from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.reporting.axes import PERCENT, PLAIN, log_ticks, named_ticks, time_ticks
from bot.reporting.charts import Line, area_chart, line_chart
from bot.reporting.columns import Candles
from bot.reporting.forecast_charts import Amount, equal_bins, waterfall_chart
from bot.reporting.sampling import between, merge, thin
from bot.reporting.svg import Scale, pixel, spread_scale, text

HOUR = 3_600_000
DAY = 24 * HOUR
T0 = 1_704_067_200_000


def candles(closes, step=HOUR):
    close = np.array(closes, dtype=np.float64)
    open_ = np.concatenate([close[:1], close[:-1]])
    return Candles(
        T0 + np.arange(len(close)) * step,
        open_,
        np.maximum(open_, close) + 1.0,
        np.minimum(open_, close) - 1.0,
        close,
        np.zeros(len(close), dtype=np.bool_),
    )


def drawn(svg):
    return ET.fromstring(svg)  # noqa: S314  (our own drawing)


def test_ticks_are_round_in_the_unit_that_is_shown():
    assert [name for _, name in named_ticks(0.0, 0.1, PERCENT)] == ["0 %", "2 %", "4 %", "6 %", "8 %", "10 %"]


def test_ticks_have_as_many_places_as_their_step():
    assert [name for _, name in named_ticks(0.0, 1.0)] == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_ticks_lie_inside_and_are_few(low, width):
    high = low + width
    if high - low < abs(low) * 1e-9:
        return
    ticks = named_ticks(low, high)
    room = (high - low) * 1e-6
    assert all(low - room <= value <= high + room for value, _ in ticks)
    assert len(ticks) <= 11


def test_hours_are_named_by_the_clock_and_midnight_by_the_day():
    names = [name for _, name in time_ticks(T0, T0 + DAY)]
    assert names[0] == "1 Jan"
    assert names[1] == "6:00"


def test_months_begin_on_their_first_day_and_january_says_the_year():
    ticks = time_ticks(T0 - 40 * DAY, T0 + 300 * DAY)
    assert (T0, "2024") in ticks
    assert all(name == "2024" or len(name) == 3 for _, name in ticks)


def test_thinning_keeps_the_ends_and_the_extremes():
    xs = np.arange(100_000, dtype=np.float64)
    ys = np.sin(xs / 500.0)
    ys[54_321], ys[12_345] = 9.0, -9.0
    kept_x, kept_y = thin(xs, ys, 200)
    assert len(kept_x) <= 800
    assert (kept_x[0], kept_x[-1]) == (0.0, 99_999.0)
    assert (kept_y.max(), kept_y.min()) == (9.0, -9.0)
    assert (np.diff(kept_x) > 0).all()


def test_a_short_line_is_not_thinned():
    xs = np.arange(10, dtype=np.float64)
    assert thin(xs, xs, 200)[0] is xs


def test_merged_bars_have_the_first_open_the_extremes_and_the_last_close():
    bars = merge(candles([10.0, 14.0, 8.0, 9.0, 20.0]), HOUR, 3)
    assert (bars.candles_each, bars.span_ms, len(bars)) == (2, 2 * HOUR, 3)
    assert list(bars.open) == [10.0, 14.0, 9.0]
    assert list(bars.high) == [15.0, 15.0, 21.0]
    assert list(bars.low) == [9.0, 7.0, 8.0]
    assert list(bars.close) == [14.0, 9.0, 20.0]
    assert bars.until_ms(int(bars.start_ms[-1])) == T0 + 5 * HOUR


def test_a_hole_in_the_candles_is_a_hole_in_the_bars():
    series = candles([1.0, 2.0, 3.0, 4.0])
    holed = between(series, T0, T0 + HOUR)
    late = between(series, T0 + 3 * HOUR, T0 + 4 * HOUR)
    joined = Candles(*(np.concatenate(pair) for pair in zip(_columns(holed), _columns(late), strict=True)))
    assert list(merge(joined, HOUR, 10).start_ms) == [T0, T0 + 3 * HOUR]


def _columns(series):
    return [getattr(series, name) for name in series.__struct_fields__]


def test_bins_hold_equal_counts_in_order_of_what_was_foreseen():
    foreseen = np.array([0.3, 0.1, 0.2, 0.4])
    bins = equal_bins(foreseen, np.array([1.0, 0.0, 0.0, 1.0]), limit=2, least=2)
    assert [(b.count, b.foreseen, b.realised) for b in bins] == [
        (2, pytest.approx(0.15), 0.0),
        (2, pytest.approx(0.35), 1.0),
    ]
    assert equal_bins(foreseen, foreseen, least=5) == []


def test_a_waterfall_steps_from_the_gross_to_the_net_result():
    svg = drawn(
        waterfall_chart([Amount("gross", 10.0, is_total=True), Amount("fees", -4.0), Amount("net", 6.0, is_total=True)])
    )
    gross, fees, net = (rect.attrib for rect in svg.iter("rect"))
    right = float(gross["x"]) + float(gross["width"])
    assert float(fees["x"]) + float(fees["width"]) == pytest.approx(right, abs=0.2)
    assert float(net["x"]) + float(net["width"]) == pytest.approx(float(fees["x"]), abs=0.2)


@pytest.mark.parametrize("values", [[1.0, 1.0], [0.0, 0.0], [1e-7, 2e-7], [5.0, -5.0]])
def test_a_line_of_any_values_is_drawn_as_well_formed_xml(values):
    series = Line("equity", "a", np.array([T0, T0 + HOUR]), np.array(values))
    for svg in (line_chart("a & b", [series], PERCENT), area_chart("a < b", series, PERCENT)):
        assert "nan" not in svg
        assert drawn(svg).attrib["role"] == "img"


def test_values_of_different_size_are_drawn_on_a_scale_that_says_it_is_logarithmic():
    series = Line("equity", "a", np.array([T0, T0 + HOUR]), np.array([1000.0, 4001.0]))
    assert "logarithmic scale" in line_chart("growth", [series], PLAIN)
    series = Line("equity", "a", np.array([T0, T0 + HOUR]), np.array([1000.0, 3999.0]))
    assert "logarithmic scale" not in line_chart("growth", [series], PLAIN)


def test_logarithmic_ticks_are_one_two_and_five_times_powers_of_ten():
    ticks = log_ticks(-1.0, 1.0)
    assert [name for _, name in ticks] == ["0.1", "0.2", "0.5", "1", "2", "5"]
    assert ticks[0][0] == -1.0


def test_words_are_escaped_where_they_enter_a_drawing():
    assert "<script>" not in text(0, 0, "<script>")


def test_a_scale_has_room_also_where_all_values_are_the_same():
    scale = spread_scale(5.0, 5.0, 0.0, 100.0)
    assert scale.low < 5.0 < scale.high
    assert Scale(0.0, 10.0, 100.0, 0.0).at(2.5) == 75.0


def test_a_pixel_has_one_decimal_at_most():
    assert (pixel(1.0), pixel(1.26)) == ("1", "1.3")
