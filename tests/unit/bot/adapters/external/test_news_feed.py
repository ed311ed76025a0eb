"""Feeds as they are in the wild, and the time from which on a headline counts."""

import pytest

from bot.adapters.external.asking import Asking, whole_feed, whole_json
from bot.adapters.external.news import DELAY_MS, NewsFeed, plain_text
from bot.adapters.external.patient_http import PatientClient
from bot.adapters.external.series_store import SeriesName
from bot.core.errors import VenueError
from bot.core.external import Headline
from tests.outside_world import FIRST_MS, HOUR_MS, OutsideWorld, Pauses

ATOM = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>t</title>
<entry><title type="html">Bitcoin &lt;b&gt;soars&lt;/b&gt; &amp;amp; falls</title><id>tag:1</id>
<updated>2024-01-01T02:00:00Z</updated></entry>
<entry><title></title><id>tag:2</id></entry><entry><title>No key</title></entry></feed>"""


class Fixed(PatientClient):
    """A client that is always told the same."""

    def __init__(self, text: str) -> None:
        super().__init__(Asking("rss", whole_feed, sleep=Pauses()))
        self._text = text

    def body(self, url: str, parameters: dict[str, str | int] | None = None) -> bytes:
        return self._text.encode()


def read(text: str, now_ms: int = FIRST_MS + 5 * HOUR_MS) -> list[Headline]:
    return list(NewsFeed(SeriesName("rss", "x"), Fixed(text), lambda: now_ms, "http://made").current(0))


def test_a_headline_counts_from_a_minute_after_it_was_seen():
    (headline,) = read(ATOM)
    assert headline.event_time_ms == FIRST_MS + 2 * HOUR_MS
    assert headline.available_at_ms == FIRST_MS + 5 * HOUR_MS + DELAY_MS
    assert (headline.key, headline.text) == ("tag:1", "Bitcoin soars & falls")


def test_a_headline_that_claims_the_future_counts_from_then():
    (headline,) = read(ATOM, FIRST_MS)
    assert headline.available_at_ms == headline.event_time_ms + DELAY_MS == FIRST_MS + 2 * HOUR_MS + DELAY_MS


def test_a_headline_without_a_time_happened_when_it_was_seen(tmp_path):
    with OutsideWorld() as world:
        world.headlines = [("k", "Undated", None)]
        feed = NewsFeed(
            SeriesName("rss", "x"), PatientClient(Asking("rss", whole_feed, sleep=Pauses())), world.clock, world.url
        )
        (headline,) = feed.current(0)
    assert headline.event_time_ms == headline.fetched_at_ms == world.now_ms


def test_what_is_no_feed_is_refused():
    with pytest.raises(VenueError, match="no feed"):
        read("<html><body>hello</body></html>")


def test_a_feed_that_could_grow_without_bound_or_read_files_is_not_read():
    bomb = '<!DOCTYPE rss [<!ENTITY a "boom"><!ENTITY b "&a;&a;&a;">]>'
    with pytest.raises(VenueError, match="defines entities"):
        read(f'<?xml version="1.0"?>{bomb}<rss version="2.0"><channel></channel></rss>')


def test_words_are_text_without_tags():
    assert plain_text(" <p>a\n <a href='x'>b</a> &lt;3 c</p> ") == "a b <3 c"
    assert len(plain_text("x" * 1_000)) == 500


@pytest.mark.parametrize(
    ("body", "json", "feed"),
    [(b'{"a":1}', True, False), (b'{"a":', False, False), (b"", False, False), (b"<rss></rss>\n", False, True)],
)
def test_what_is_whole_ends_as_it_should(body, json, feed):
    assert (whole_json(body), whole_feed(body)) == (json, feed)
