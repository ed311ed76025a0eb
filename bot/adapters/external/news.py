"""
Headlines of one feed, RSS or Atom, with the time at which we saw each of them first.

A feed shows its last dozens of headlines and forgets the rest, so it is asked often. When a headline was published
is only what its publisher says; available it is a minute after we have seen it, and never earlier. feedparser reads
what feeds in the wild look like; what is inside is text and stays text.
"""

import calendar
import html
import re
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any, Final

import feedparser  # type: ignore[import-untyped]

from bot.adapters.external.patient_http import PatientClient
from bot.adapters.external.series_store import SeriesName
from bot.core.errors import VenueError
from bot.core.external import Headline
from bot.core.market import DAY_MS

DELAY_MS: Final = 60_000
"""From first sight to use."""

_LONGEST: Final = 500
"""Characters of a headline that are kept; of a key too."""

_TAG: Final = re.compile(r"<[^>]{0,400}>")


class NewsFeed:
    """
    One feed, as a `CurrentSource`.

    Args:
        series: Where its headlines belong.
        client: Asks.
        now_ms: Tells the time.
        address: Of the feed.
    """

    revisit_ms = DAY_MS

    def __init__(self, series: SeriesName, client: PatientClient, now_ms: Callable[[], int], address: str) -> None:
        self.series = series
        self._client = client
        self._now_ms = now_ms
        self._address = address
        self._source = f"{series}; available a minute after we saw it, or after it says it was published"

    def current(self, since_ms: int) -> Sequence[Headline]:
        """
        Everything that the feed shows now, however old.

        Raises:
            VenueUnavailable: No answer came.
            VenueError: The answer is a no, or no feed.
        """
        del since_ms
        fetched_ms = self._now_ms()
        body = self._client.body(self._address)
        if b"<!ENTITY" in body:
            raise VenueError(f"{self.series}: the feed defines entities, which no feed needs; it is not read")
        feed = feedparser.parse(BytesIO(body))
        if not feed.version:
            raise VenueError(f"{self.series}: what is there is no feed; check its address")
        read = (self._headline(entry, fetched_ms) for entry in feed.entries)
        return [headline for headline in read if headline is not None]

    def _headline(self, entry: Any, fetched_ms: int) -> Headline | None:
        """One entry; None for one that has no title, or nothing to know it by."""
        text = plain_text(entry.get("title", ""))
        key = str(entry.get("id") or entry.get("link") or "")[:_LONGEST]
        if not (text and key):
            return None
        published = entry.get("published_parsed") or entry.get("updated_parsed")
        event_ms = max(calendar.timegm(published), 0) * 1_000 if published else fetched_ms
        known_ms = max(event_ms, fetched_ms) + DELAY_MS
        return Headline(event_ms, known_ms, fetched_ms, self._source, 0, key, text)


def plain_text(text: str) -> str:
    """The words of a headline, without tags, entities and line breaks."""
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())[:_LONGEST]
