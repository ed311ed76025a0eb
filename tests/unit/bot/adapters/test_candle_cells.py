"""Times in every unit, numbers, and the place of what is neither."""

import numpy as np
import pytest

from bot.adapters.candle_cells import Cells, Values, numbers, times_ms
from bot.core.errors import DataError

NOON_MS = 1_704_110_400_000
"""2024-01-01 12:00 UTC."""


def cells(values: Values) -> Cells:
    return Cells("some.csv", "date", np.arange(2, 2 + len(values), dtype=np.int64), values)


@pytest.mark.parametrize(
    "text",
    [
        "1704110400",
        "1704110400000",
        "1704110400000000",
        "1704110400000000000",
        "1704110400.0",
        "1.7041104e9",
        "2024-01-01T12:00:00Z",
        "2024-01-01 12:00",
        "2024-01-01 12:00:00 UTC",
        "2024-01-01T13:00:00.000+01:00",
        " 2024-01-01T12:00:00.000000Z ",
    ],
)
def test_every_way_to_write_a_time_is_the_same_time(text: str) -> None:
    assert times_ms(cells([text])).tolist() == [NOON_MS]


def test_a_column_may_mix_its_units() -> None:
    mixed = ["1704110400", "1704110400000", "2024-01-01T12:00Z", "1704110400000000"]
    assert times_ms(cells(mixed)).tolist() == [NOON_MS] * 4


def test_a_date_is_its_midnight_in_utc() -> None:
    assert times_ms(cells(["2024-01-01"])).tolist() == [NOON_MS - 12 * 3_600_000]


def test_half_a_second_is_not_lost() -> None:
    assert times_ms(cells(["1704110400.5"])).tolist() == [NOON_MS + 500]
    assert times_ms(cells(np.array([1704110400.5]))).tolist() == [NOON_MS + 500]


@pytest.mark.parametrize("kind", ["<i8", "<f8"])
def test_columns_of_numbers_show_their_unit_by_magnitude(kind: str) -> None:
    assert (
        times_ms(cells(np.array([1704110400, 1704110400000, 1704110400000000], dtype=kind))).tolist() == [NOON_MS] * 3
    )


def test_times_of_a_known_unit_are_taken_as_they_are() -> None:
    assert times_ms(cells(np.array([0, 3_600_000], dtype="datetime64[ms]"))).tolist() == [0, 3_600_000]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "noon",
            "20240101",
            "2024-13-01",
            "1969-12-31",
            "-1704110400",
            "12:00",
            "9999-12-31",
            "99999999",
            "1e99",
            "9" * 5000,
        ),
        *("1704110400000001", "2024-01-01T00:00:00.000001", "nan", "01/02/2024"),
    ],
)
def test_what_is_no_time_is_refused_with_its_place_and_the_expected_form(text: str) -> None:
    with pytest.raises(
        DataError, match=r"some\.csv, row 3, column 'date': cannot understand .*expected ISO text"
    ) as error:
        times_ms(cells(["1704110400", text]))
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    "values",
    [
        np.array([float("nan")]),
        np.array([float("inf")]),
        np.array([12]),
        np.array(["NaT"], dtype="datetime64[ms]"),
        np.array([-1], dtype="datetime64[ms]"),
        np.array([2**60], dtype="datetime64[ms]"),
    ],
)
def test_columns_that_hold_no_time_are_refused(values: Values) -> None:
    with pytest.raises(DataError, match="row 2"):
        times_ms(cells(values))


def test_numbers_are_read_to_the_last_bit() -> None:
    assert numbers(cells(["42000.1", " 1e-3", "7"])).tolist() == [42000.1, 0.001, 7.0]


def test_an_empty_cell_is_not_a_number() -> None:
    read = numbers(cells(["1", "", "3"]))
    assert np.isnan(read[1])
    assert read[2] == 3.0


@pytest.mark.parametrize("text", ["abc", "1,5", "1_000", "0x10", "--1"])
def test_what_is_no_number_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(DataError, match=r"some\.csv, row 4, column 'date': .*expected a number such as 42000\.5"):
        numbers(cells(["1", "2", text]))
