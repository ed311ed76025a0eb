"""
The fear and greed index of alternative.me: one number a day from 0 (fear) to 100 (greed), without a key.

A value is stamped with the midnight that begins its day, and shown soon after it. It is made of Bitcoin's own
volatility, momentum and volume for the most part, and so holds little that candles do not.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from bot.adapters.external.patient_http import PatientClient
from bot.adapters.external.series_store import SeriesName
from bot.core.errors import VenueError
from bot.core.external import Observation
from bot.core.market import DAY_MS

SERIES: Final = SeriesName("alternative.me", "fear_greed")
ADDRESS: Final = "https://api.alternative.me"
DELAY_MS: Final = 3_600_000
"""The index renews itself within minutes of midnight; an hour is on the safe side."""

SOURCE: Final = "alternative.me fear and greed; available an hour after the midnight that begins its day"

_HIGHEST: Final = 100.0


class _Day(Struct):
    value: str
    timestamp: str


class _Metadata(Struct):
    error: str | None = None


class _Answer(Struct):
    data: list[_Day]
    metadata: _Metadata


class FearGreed:
    """The index, as a `CurrentSource`: it shows as many of its last days as are asked for."""

    series = SERIES
    revisit_ms = 7 * DAY_MS

    def __init__(self, client: PatientClient, now_ms: Callable[[], int], address: str = ADDRESS) -> None:
        self._client = client
        self._now_ms = now_ms
        self._address = address.rstrip("/")

    def current(self, since_ms: int) -> list[Observation]:
        """
        The days since then, newest first as they are told.

        Raises:
            VenueUnavailable: No answer came.
            VenueError: The answer is a no, or is not the index.
        """
        fetched_ms = self._now_ms()
        # 0 means all of them, from February 2018 on.
        days = (fetched_ms - since_ms) // DAY_MS + 1 if since_ms else 0
        body = self._client.body(f"{self._address}/fng/", {"limit": days, "format": "json"})
        try:
            answer = msgspec.json.decode(body, type=_Answer)
            if answer.metadata.error:
                raise VenueError(f"alternative.me did not tell its index: {answer.metadata.error[:120]}")
            return [_row(day, fetched_ms) for day in answer.data]
        except (msgspec.DecodeError, ValueError) as error:
            raise VenueError(f"alternative.me answered with something else than its index: {error}") from None


def _row(day: _Day, fetched_ms: int) -> Observation:
    event_ms, value = int(day.timestamp) * 1_000, float(day.value)
    if not 0.0 <= value <= _HIGHEST:
        raise ValueError(f"a value of {value} is not on its scale from 0 to 100")
    return Observation(event_ms, event_ms + DELAY_MS, fetched_ms, SOURCE, 0, value)
