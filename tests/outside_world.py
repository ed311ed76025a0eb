"""
CoinGecko, Coin Metrics, alternative.me and a feed on loopback: their answers in their real shapes, and what goes wrong.

Every answer is made from one truth, which a collection has to end with. It runs in a thread of its own.
"""

import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

from bot.core.market import DAY_MS

FIRST_MS: Final = 1_704_067_200_000
"""2024-01-01, the first day of every series."""

HOUR_MS: Final = 3_600_000


class Trouble(StrEnum):
    """What can be wrong with one answer."""

    TOO_MANY = "429 with Retry-After"
    HTML = "502 with HTML"
    JSON = "503 with JSON"
    CUT = "body shorter than its length"
    HALF = "200 with half of the body"
    PAGE = "200 with a page for people"
    EMPTY = "nothing in it"


class Pauses:
    """Stands in for sleeping: nothing waits, and every pause is remembered."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


class OutsideWorld:
    """
    All sources, `days` long from `first_ms` on. Used as a context; `url` is where they answer.

    `values` by day are what Coin Metrics, CoinGecko and the index tell; `headlines` are (key, title, published ms).
    """

    def __init__(self, days: int = 60, refused: tuple[int, Any] | None = None, first_ms: int = FIRST_MS) -> None:
        self.values: dict[int, float] = {first_ms + day * DAY_MS: 20.0 + day % 60 for day in range(days)}
        self.headlines: list[tuple[str, str, int | None]] = []
        self.now_ms = first_ms + days * DAY_MS + 6 * HOUR_MS
        self.lag_ms = 28 * HOUR_MS
        self.troubles: deque[Trouble | None] = deque()
        self.fired: Counter[Trouble] = Counter()
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.on_request: Callable[[int], None] = lambda _count: None
        self._refused = refused

    def __enter__(self) -> Self:
        world = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                world._handle(self)

            def log_message(self, *words: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    @property
    def clock(self) -> Callable[[], int]:
        """The time that collectors go by."""
        return lambda: self.now_ms

    def revise(self, day: int, value: float) -> None:
        """Tell another value of a day from now on."""
        self.values[FIRST_MS + day * DAY_MS] = value

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        place = urlsplit(handler.path)
        query = {name: words[-1] for name, words in parse_qs(place.query).items()}
        self.requests.append((place.path, query))
        self.headers.append({name.lower(): value for name, value in handler.headers.items()})
        self.on_request(len(self.requests))
        if self._refused is not None:
            _answer(handler, self._refused[0], json.dumps(self._refused[1]).encode())
            return
        trouble = self.troubles.popleft() if self.troubles else None
        body = self._body(place.path, query, empty=trouble is Trouble.EMPTY)
        if trouble is not None:
            self.fired[trouble] += 1
        _TROUBLED.get(trouble, _answer_well)(handler, body)

    def _body(self, path: str, query: dict[str, str], *, empty: bool) -> bytes:
        told = {} if empty else self.values
        if path == "/v4/timeseries/asset-metrics":
            return json.dumps(self._chain(told, query)).encode()
        if path.endswith("/market_chart/range"):
            return json.dumps(self._chart(told, query)).encode()
        if path == "/fng/":
            return json.dumps(self._index(told, int(query["limit"]))).encode()
        return _feed([] if empty else self.headlines)

    def _chain(self, told: dict[int, float], query: dict[str, str]) -> dict[str, Any]:
        metric, completed = query["metrics"].split(",")
        since_ms, until_ms = _milliseconds(query["start_time"]), _milliseconds(query["end_time"])
        known = {at: value for at, value in told.items() if at + self.lag_ms <= self.now_ms}
        days = [
            {
                "asset": query["assets"],
                "time": _nanoseconds(at),
                metric: f"{value:.6f}",
                completed: str((at + self.lag_ms) // 1_000),
            }
            for at, value in sorted(known.items())
            if since_ms <= at < until_ms
        ]
        size = int(query["page_size"])
        more = {"next_page_token": "b3RoZXI", "next_page_url": f"{self.url}/v4/?next"} if len(days) > size else {}
        return {"data": days[:size], **more}

    def _chart(self, told: dict[int, float], query: dict[str, str]) -> dict[str, Any]:
        since_ms, until_ms = _milliseconds(query["from"]), _milliseconds(query["to"])
        points: list[list[float | None]] = [
            [at, 1e9 * value] for at, value in sorted(told.items()) if since_ms <= at <= min(until_ms, self.now_ms)
        ]
        if points and until_ms > self.now_ms - DAY_MS:
            points.append([self.now_ms - 61_234, 5e10])
        return {"prices": points, "market_caps": points, "total_volumes": [[at, 7.0] for at, _ in points]}

    def _index(self, told: dict[int, float], limit: int) -> dict[str, Any]:
        days = [
            {"value": f"{value:.0f}", "value_classification": "Neutral", "timestamp": str(at // 1_000)}
            for at, value in sorted(told.items(), reverse=True)
            if at <= self.now_ms
        ]
        if days:
            days[0]["time_until_update"] = "64000"
        return {"name": "Fear and Greed Index", "data": days[:limit] if limit else days, "metadata": {"error": None}}


def _answer(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, kind: str = "application/json", **more: str
) -> None:
    handler.send_response(status)
    length = more.pop("length", str(len(body)))
    for name, value in {"Content-Type": kind, "Content-Length": length, **more}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def _answer_well(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    kind = "application/rss+xml; charset=utf-8" if body.startswith(b"<?xml") else "application/json"
    _answer(handler, 200, body, kind, x_ratelimit_remaining="0", x_ratelimit_reset="3")


_TROUBLED: Final[dict[Trouble | None, Callable[[BaseHTTPRequestHandler, bytes], None]]] = {
    Trouble.TOO_MANY: lambda handler, _body: _answer(
        handler,
        429,
        b'{"status":{"error_code":429,"error_message":"You have exceeded the Rate Limit."}}',
        Retry_After="7",
    ),
    Trouble.HTML: lambda handler, _body: _answer(handler, 502, b"<html><h1>502 Bad Gateway</h1></html>", "text/html"),
    Trouble.JSON: lambda handler, _body: _answer(handler, 503, b'{"error":{"type":"unavailable","message":"later"}}'),
    Trouble.CUT: lambda handler, body: _answer(handler, 200, body[: len(body) // 2], length=str(len(body))),
    Trouble.HALF: lambda handler, body: _answer(handler, 200, body[: len(body) // 2]),
    Trouble.PAGE: lambda handler, _body: _answer(handler, 200, b"<html>Just a moment...</html>", "text/html"),
}


def _feed(headlines: Iterable[tuple[str, str, int | None]]) -> bytes:
    items = "".join(
        f"<item><title>{title}</title><link>{key}</link><guid>{key}</guid>"
        + (f"<pubDate>{format_datetime(_moment(at))}</pubDate>" if at is not None else "")
        + "</item>"
        for key, title, at in headlines
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>News</title>{items}</channel></rss>'
    ).encode()


def _moment(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1_000, UTC)


def _nanoseconds(time_ms: int) -> str:
    return _moment(time_ms).strftime("%Y-%m-%dT%H:%M:%S.000000000Z")


def _milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)
