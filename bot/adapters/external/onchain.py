"""
What happens on a chain, a value a day, through Coin Metrics' official client: active addresses, transactions, hashes.

A metric is stamped with the midnight that begins its day and known a day or more later. Coin Metrics tells when a day
was complete, and that is when its values count as available: 27 to 29 hours after the stamp as a rule, 142 in the
worst case since 2021. A day without that time counts from when we saw it. The community interface needs no key and
allows no commercial use (CC BY-NC 4.0); a key goes into COINMETRICS_API_KEY.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import requests
from coinmetrics.api_client import CoinMetricsClient
from msgspec import Struct

from bot.adapters.external.asking import Asking, Heard, Lost
from bot.adapters.external.collecting import Page
from bot.adapters.external.series_store import SeriesName, Span
from bot.adapters.redaction import redact
from bot.core.errors import ConfigError, VenueError
from bot.core.external import Observation
from bot.core.market import DAY_MS

SOURCE_NAME: Final = "coinmetrics"
COMPLETED: Final = "AssetEODCompletionTime"
"""The metric that holds when all metrics of a day were complete, in seconds."""

BY_COMPLETION: Final = f"Coin Metrics; available at its own {COMPLETED}"
BY_SIGHT: Final = f"Coin Metrics; available when we saw it, for want of {COMPLETED}"

PAGE_ROWS: Final = 1_000

_TIMEOUT_S: Final = 60.0
_FIRST_REFUSAL: Final = 400
_KEY_TROUBLE: Final = frozenset({401, 403})
# It tells the address of every answer, with the key in it.
logging.getLogger("cm_client").setLevel(logging.WARNING)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class _Refused(Exception):
    """Coin Metrics said no."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _Day(Struct):
    """One day as it is told: numbers are text, and null where there is none yet."""

    time: datetime
    value: float | None
    completed: float | None


class _Reason(Struct):
    message: str


class _NoAnswer(Struct):
    error: _Reason


class _Session(requests.Session):
    """Carries the questions of the official client, with our patience and our errors in place of its own."""

    def __init__(self, asking: Asking) -> None:
        super().__init__()
        self._asking = asking

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """
        Bring the whole answer to a question.

        The client would write the address of a refused question, with the key in it, into its log: so it never sees
        a refusal. Nor does it see that nothing remains of its budget, upon which it would sleep and then put the
        question again that has just been answered.

        Raises:
            VenueUnavailable: None came.
        """
        options["timeout"] = _TIMEOUT_S
        response = self._asking.patiently(lambda: self._once(request, options), _heard)
        if response.status_code >= _FIRST_REFUSAL:
            raise _Refused(response.status_code, _reason(response.content))
        response.headers.pop("x-ratelimit-remaining", None)
        return response

    def _once(self, request: requests.PreparedRequest, options: dict[str, Any]) -> requests.Response:
        try:
            return super().send(request, **options)
        except requests.RequestException as error:
            # Its text holds the address as well.
            raise Lost(type(error).__name__) from None


class OnChainMetric:
    """
    One metric of one asset, as a `RangedSource`.

    Args:
        asset: Coin Metrics' name of it, such as `btc`.
        metric: Such as `AdrActCnt`, `TxCnt` or `CapMrktCurUSD`.
        asking: Asks with patience.
        now_ms: Tells the time.
        key: Of a paid plan, or none.
        address: Scheme, host and port to ask instead of Coin Metrics' own.
    """

    revisit_ms = 14 * DAY_MS
    longest_ms = PAGE_ROWS * DAY_MS

    def __init__(
        self, asset: str, metric: str, asking: Asking, now_ms: Callable[[], int], *, key: str = "", address: str = ""
    ) -> None:
        self.series = SeriesName(SOURCE_NAME, f"{asset}.{metric}")
        self._asset = asset
        self._metric = metric
        self._now_ms = now_ms
        place = urlsplit(address)
        where: dict[str, Any] = {"schema": place.scheme, "host": place.hostname, "port": place.port} if address else {}
        self._api = CoinMetricsClient(api_key=key, session=_Session(asking), **where)

    def page(self, span: Span) -> Page:
        """
        The days of a span, or the first thousand of them.

        Raises:
            VenueUnavailable: No answer came.
            ConfigError: There is no such metric, or the key does not reach it.
            VenueError: The answer holds no days.
        """
        fetched_ms = self._now_ms()
        days = self._days(span)
        rows = [self._row(day, fetched_ms) for day in days if day.value is not None]
        cut_short = len(days) >= PAGE_ROWS
        return Page(rows, _milliseconds(days[-1].time) + 1 if cut_short else span[1])

    def _days(self, span: Span) -> list[_Day]:
        try:
            told = self._api.get_asset_metrics(
                assets=self._asset,
                metrics=[self._metric, COMPLETED],
                frequency="1d",
                start_time=_EPOCH + span[0] * _MILLISECOND,
                end_time=_EPOCH + span[1] * _MILLISECOND,
                end_inclusive=False,
                page_size=PAGE_ROWS,
                format="json",
            ).first_page()
            cells = [
                {"time": day["time"], "value": day.get(self._metric), "completed": day.get(COMPLETED)} for day in told
            ]
            return msgspec.convert(cells, list[_Day], strict=False)
        except _Refused as refused:
            raise self._refusal(refused) from None
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise VenueError(
                f"Coin Metrics answered with something else than days of {self.series} ({type(error).__name__})"
            ) from None

    def _row(self, day: _Day, fetched_ms: int) -> Observation:
        event_ms, value = _milliseconds(day.time), day.value
        assert value is not None  # noqa: S101 - days without a value were left out
        if day.completed is None:
            return Observation(event_ms, fetched_ms, fetched_ms, BY_SIGHT, 0, value)
        return Observation(event_ms, round(day.completed * 1_000), fetched_ms, BY_COMPLETION, 0, value)

    def _refusal(self, refused: _Refused) -> ConfigError:
        hint = "check the key in COINMETRICS_API_KEY" if refused.status in _KEY_TROUBLE else "check asset and metric"
        return ConfigError(f"Coin Metrics refused to tell {self.series} (HTTP {refused.status}: {refused}): {hint}")


def _heard(response: requests.Response) -> Heard:
    headers = response.headers
    # Seconds until the budget of questions is renewed: https://docs.coinmetrics.io/api/v4 (Rate limits).
    wait = headers.get("Retry-After") or headers.get("x-ratelimit-reset", "")
    return Heard(response.status_code, response.content, wait, headers.get("Date", ""))


def _reason(body: bytes) -> str:
    try:
        return redact(msgspec.json.decode(body, type=_NoAnswer).error.message)[:160]
    except msgspec.DecodeError:
        return "no reason given"


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND
