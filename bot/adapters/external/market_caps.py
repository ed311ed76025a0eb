"""
Market capitalisation and volume of a coin, a value a day, through CoinGecko's official client.

`volume` is CoinGecko's sum over the 24 hours before its time, over all the exchanges that it counts: no candle's
volume. Without a key CoinGecko answers seldom; a free one is in COINGECKO_DEMO_API_KEY, a paid one in
COINGECKO_PRO_API_KEY. Its terms ask whoever shows the data to name CoinGecko.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import msgspec
from coingecko_sdk import APIConnectionError, APIStatusError, Coingecko, CoingeckoError, Omit
from msgspec import Struct

from bot.adapters.external.collecting import Page
from bot.adapters.external.patient_http import PatientClient
from bot.adapters.external.series_store import SeriesName, Span
from bot.core.errors import CandlewickError, ConfigError, VenueError
from bot.core.external import Observation
from bot.core.market import DAY_MS

SOURCE_NAME: Final = "coingecko"
DEMO_ADDRESS: Final = "https://api.coingecko.com/api/v3"
PRO_ADDRESS: Final = "https://pro-api.coingecko.com/api/v3"

DELAY_MS: Final = DAY_MS + 3_600_000
"""A day is shown 35 minutes after its end: https://docs.coingecko.com/reference/coins-id-market-chart-range. Whether
a value stamped with a midnight is of the day before or after it is not said, so it is taken for the one after."""

SOURCE: Final = "CoinGecko; available 25 hours after its stamp, by which time the day is shown in any reading"

_KEY_TROUBLE: Final = frozenset({401, 403})
_NOT_FOUND: Final = 404


class Figure(StrEnum):
    """What can be asked of a coin."""

    MARKET_CAP = "market_cap"
    VOLUME = "volume"


class _Chart(Struct):
    """Pairs of milliseconds and US dollars; a value can be null."""

    market_caps: list[tuple[float, float | None]]
    total_volumes: list[tuple[float, float | None]]


class MarketFigures:
    """
    One figure of one coin in US dollars, as a `RangedSource`.

    Args:
        coin: CoinGecko's id of it, such as `bitcoin`.
        figure: Which figure.
        client: Carries the questions.
        now_ms: Tells the time.
        demo_key: A free key, or none.
        pro_key: A paid key, or none; it goes to another address.
        address: Where to ask instead of CoinGecko's own.
    """

    revisit_ms = 7 * DAY_MS
    longest_ms = 360 * DAY_MS

    def __init__(
        self,
        coin: str,
        figure: Figure,
        client: PatientClient,
        now_ms: Callable[[], int],
        *,
        demo_key: str = "",
        pro_key: str = "",
        address: str = "",
    ) -> None:
        self.series = SeriesName(SOURCE_NAME, f"{coin}.{figure.value}")
        self._coin = coin
        self._figure = figure
        self._now_ms = now_ms
        # A paid key stands alone; and the client wants to be told which keys there are not.
        absent = {"x-cg-pro-api-key": not pro_key, "x-cg-demo-api-key": bool(pro_key) or not demo_key}
        self._headers = {name: Omit() for name, is_absent in absent.items() if is_absent}
        # Without a try of its own: patience is the client's.
        self._api = Coingecko(
            demo_api_key=demo_key,
            pro_api_key=pro_key,
            base_url=address or (PRO_ADDRESS if pro_key else DEMO_ADDRESS),
            http_client=client,
            max_retries=0,
        )

    def page(self, span: Span) -> Page:
        """
        All days of a span.

        Raises:
            VenueUnavailable: No answer came.
            VenueError: The answer is a no, or no chart.
        """
        fetched_ms = self._now_ms()
        chart = self._chart(span)
        points = chart.market_caps if self._figure is Figure.MARKET_CAP else chart.total_volumes
        rows = [
            Observation(int(at_ms), int(at_ms) + DELAY_MS, fetched_ms, SOURCE, 0, value)
            for at_ms, value in points
            # The last point of an answer is of this moment, not of a midnight. Of a coin without a known supply the
            # capitalisation is null or nought.
            if value and span[0] <= at_ms < span[1] and not at_ms % DAY_MS
        ]
        return Page(rows, span[1])

    def _chart(self, span: Span) -> _Chart:
        try:
            answer = self._api.coins.market_chart.get_range(
                self._coin,
                from_=_date(span[0]),
                to=_date(span[1]),
                vs_currency="usd",
                interval="daily",
                extra_headers=self._headers,
            )
            return msgspec.convert(answer.to_dict(), _Chart)
        except APIStatusError as error:
            raise self._refused(error.status_code) from None
        except APIConnectionError as error:
            if isinstance(error.__cause__, CandlewickError):
                raise error.__cause__ from None
            raise VenueError(f"CoinGecko could not be asked ({type(error.__cause__).__name__})") from None
        except (CoingeckoError, msgspec.ValidationError, AttributeError) as error:
            raise VenueError(f"CoinGecko answered with something else than a chart ({type(error).__name__})") from None

    def _refused(self, status: int) -> CandlewickError:
        if status in _KEY_TROUBLE:
            return ConfigError(
                f"CoinGecko refused (HTTP {status}): a free key reaches back 365 days; check the span, and the key "
                f"in COINGECKO_DEMO_API_KEY or COINGECKO_PRO_API_KEY"
            )
        if status == _NOT_FOUND:
            return ConfigError(f"CoinGecko knows no coin {self._coin!r}: give its id there, such as bitcoin")
        return VenueError(f"CoinGecko refused to tell {self.series} (HTTP {status})")


def _date(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M")
