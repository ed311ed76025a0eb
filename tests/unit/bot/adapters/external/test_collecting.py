"""Every source over a connection that fails in every way: what is stored in the end is the truth, once."""

import logging
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from bot.adapters.external.collecting import Collected, RangedSource, collect_current, collect_span, lacking_of
from bot.adapters.external.series_store import SeriesStore, series_name
from bot.adapters.external.sources import Keys, open_source
from bot.adapters.log import configure_logging
from bot.core.errors import ConfigError, VenueError, VenueUnavailable
from bot.core.market import DAY_MS
from tests.outside_world import FIRST_MS, HOUR_MS, OutsideWorld, Pauses, Trouble

CHAIN, CAP, INDEX, NEWS = (
    "coinmetrics/btc.AdrActCnt",
    "coingecko/bitcoin.market_cap",
    "alternative.me/fear_greed",
    "rss/news",
)
NUMBERS = (CHAIN, CAP, INDEX)
KEYS = Keys("demo-key-0123456789abcdef", "", "paid-key-0123456789abcdef")
EVER = (FIRST_MS, FIRST_MS + 10_000 * DAY_MS)

HEADLINES: list[tuple[str, str, int | None]] = [
    (f"https://news.example/{at}", f"Story {at} &amp; more", FIRST_MS + at * HOUR_MS) for at in range(5)
]


@pytest.fixture
def log() -> Iterator[StringIO]:
    """Everything that the program would log, down to the least line."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = StringIO()
    configure_logging("debug", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def collect(
    world: OutsideWorld,
    folder: Path,
    name: str,
    span: tuple[int, int] = EVER,
    pauses: Pauses | None = None,
    revisit_ms: int | None = None,
) -> Collected:
    series = series_name(name)
    source = open_source(series, KEYS, world.clock, world.url, sleep=Pauses() if pauses is None else pauses)
    if isinstance(source, RangedSource):
        return collect_span(source, SeriesStore(folder), span, world.now_ms, revisit_ms)
    return collect_current(source, SeriesStore(folder))


def stored(folder: Path, name: str) -> dict[int | str, list[float | str]]:
    """What is in the store: the words of each thing in the order of their revisions."""
    found: dict[int | str, list[float | str]] = {}
    for row in SeriesStore(folder).read(series_name(name)).rows:
        assert row.revision == len(found.setdefault(row.identity, []))
        found[row.identity].append(row.said)
    return found


def truth(world: OutsideWorld, name: str) -> dict[int | str, list[float | str]]:
    if name == NEWS:
        return {key: [title.replace("&amp;", "&")] for key, title, _ in world.headlines}
    lag, times = (world.lag_ms, 1.0) if name == CHAIN else (0, 1e9 if name == CAP else 1.0)
    return {at: [times * value] for at, value in world.values.items() if at + lag <= world.now_ms}


@pytest.mark.parametrize("name", [*NUMBERS, NEWS])
def test_what_a_source_tells_is_stored_once(tmp_path, name):
    with OutsideWorld() as world:
        world.headlines = HEADLINES
        first = collect(world, tmp_path, name)
        again = collect(world, tmp_path, name)
    assert stored(tmp_path, name) == truth(world, name)
    assert (first.added, first.revised) == (len(truth(world, name)), 0)
    assert (again.added, again.revised, again.rows) == (0, 0, first.rows)


@pytest.mark.parametrize("trouble", Trouble)
@pytest.mark.parametrize("name", [*NUMBERS, NEWS])
def test_trouble_on_the_way_changes_nothing(tmp_path, name, trouble):
    with OutsideWorld() as world:
        world.headlines = HEADLINES
        world.troubles.append(trouble)
        collect(world, tmp_path, name)
        if trouble is Trouble.EMPTY and name in {INDEX, NEWS}:
            # What shows only what it shows now can be empty: the next look finds the rest.
            collect(world, tmp_path, name)
        assert world.fired == {trouble: 1}
    assert stored(tmp_path, name) == truth(world, name)


@pytest.mark.parametrize("name", [*NUMBERS, NEWS])
def test_a_wait_that_is_asked_for_is_kept(tmp_path, name):
    pauses = Pauses()
    with OutsideWorld() as world:
        world.headlines = HEADLINES
        world.troubles.extend([Trouble.TOO_MANY, Trouble.TOO_MANY, Trouble.HTML])
        collect(world, tmp_path, name, pauses=pauses)
    assert pauses.taken == [7.0, 7.0, 4.0]


@pytest.mark.parametrize("name", [*NUMBERS, NEWS])
def test_a_source_that_never_answers_is_unavailable_and_nothing_is_lost(tmp_path, name):
    pauses = Pauses()
    with OutsideWorld() as world:
        world.headlines = HEADLINES
        collect(world, tmp_path, name)
        before = SeriesStore(tmp_path).path(series_name(name)).read_bytes()
        world.troubles.extend([Trouble.JSON] * 20)
        with pytest.raises(VenueUnavailable, match=r"did not answer \(HTTP 503\)"):
            collect(world, tmp_path, name, pauses=pauses)
    assert pauses.taken == [1.0, 2.0, 4.0, 8.0]
    assert SeriesStore(tmp_path).path(series_name(name)).read_bytes() == before


@pytest.mark.parametrize("name", NUMBERS)
def test_a_revised_value_stands_beside_the_old_one_from_when_it_was_seen(tmp_path, name):
    with OutsideWorld() as world:
        collect(world, tmp_path, name)
        world.revise(57, 99.0)
        world.now_ms += HOUR_MS
        assert collect(world, tmp_path, name).revised == 1
        seen_ms = world.now_ms
        world.revise(57, 98.0)
        world.now_ms += HOUR_MS
        assert collect(world, tmp_path, name).revised == 1
    rows = [row for row in SeriesStore(tmp_path).read(series_name(name)).rows if row.identity == FIRST_MS + 57 * DAY_MS]
    times = 1e9 if name == CAP else 1.0
    assert [row.said for row in rows] == [times * value for value in (77.0, 99.0, 98.0)]
    assert [row.revision for row in rows] == [0, 1, 2]
    assert rows[0].available_at_ms < seen_ms
    assert [row.available_at_ms for row in rows[1:]] == [seen_ms, seen_ms + HOUR_MS]


@pytest.mark.parametrize("name", [CHAIN, CAP])
def test_an_old_value_is_asked_for_again_only_on_demand(tmp_path, name):
    with OutsideWorld() as world:
        collect(world, tmp_path, name)
        world.revise(5, 99.0)
        assert collect(world, tmp_path, name).revised == 0
        assert collect(world, tmp_path, name, revisit_ms=365 * DAY_MS).revised == 1


@pytest.mark.parametrize("name", [CHAIN, CAP])
def test_a_collection_asks_only_for_what_is_lacking(tmp_path, name):
    with OutsideWorld() as world:
        collect(world, tmp_path, name, (FIRST_MS + 20 * DAY_MS, FIRST_MS + 30 * DAY_MS))
        collect(world, tmp_path, name, (FIRST_MS, FIRST_MS + 40 * DAY_MS))
        assert len(world.requests) == 3
        collect(world, tmp_path, name, (FIRST_MS, FIRST_MS + 40 * DAY_MS))
        assert len(world.requests) == 3
        collect(world, tmp_path, name)
    assert stored(tmp_path, name) == truth(world, name)


@pytest.mark.parametrize(("name", "pages"), [(CHAIN, 3), (CAP, 7)])
def test_years_come_page_by_page(tmp_path, name, pages):
    with OutsideWorld(days=2_300) as world:
        collect(world, tmp_path, name)
        assert len(world.requests) == pages
    assert stored(tmp_path, name) == truth(world, name)


def test_a_collection_that_breaks_off_goes_on_where_it_was(tmp_path):
    with OutsideWorld(days=2_300) as world:
        world.troubles.extend([None, None, *[Trouble.CUT] * 5])
        with pytest.raises(VenueUnavailable):
            collect(world, tmp_path, CAP)
        assert len(stored(tmp_path, CAP)) == 720
        asked = len(world.requests)
        collect(world, tmp_path, CAP)
        assert len(world.requests) - asked == 5
    assert stored(tmp_path, CAP) == truth(world, CAP)


REFUSALS: tuple[tuple[str, int, object, type[Exception], str], ...] = (
    (CAP, 401, {"error": {"status": {"error_code": 10012}}}, ConfigError, "COINGECKO_DEMO_API_KEY"),
    (CAP, 404, {"error": "coin not found"}, ConfigError, "knows no coin 'bitcoin'"),
    (CAP, 400, {"error": "no"}, VenueError, "HTTP 400"),
    (CAP, 200, {"prices": []}, VenueError, "something else than a chart"),
    (CAP, 200, [], VenueError, "something else than a chart"),
    (CHAIN, 400, {"error": {"message": "Metric 'AdrActCnt' is not supported."}}, ConfigError, "is not supported"),
    (CHAIN, 403, {"error": {"message": "Not with these credentials."}}, ConfigError, "COINMETRICS_API_KEY"),
    (CHAIN, 404, [], ConfigError, "no reason given"),
    (CHAIN, 200, {"rows": []}, VenueError, "something else than days"),
    (CHAIN, 200, {"data": [{"time": "never"}]}, VenueError, "something else than days"),
    (CHAIN, 200, [1], VenueError, "something else than days"),
    (INDEX, 404, {}, VenueError, "HTTP 404"),
    (INDEX, 200, {"data": [], "metadata": {"error": "no index today"}}, VenueError, "no index today"),
    (INDEX, 200, {"data": [{"value": "120", "timestamp": "1"}], "metadata": {}}, VenueError, "not on its scale"),
    (INDEX, 200, {"data": [{"value": "x", "timestamp": "1"}], "metadata": {}}, VenueError, "something else"),
    (NEWS, 403, {}, VenueError, "HTTP 403"),
)


@pytest.mark.parametrize(("name", "status", "body", "kind", "words"), REFUSALS)
def test_a_no_is_said_in_one_sentence_and_not_asked_again(tmp_path, name, status, body, kind, words):
    with OutsideWorld(refused=(status, body)) as world:
        with pytest.raises(kind, match=words):
            collect(world, tmp_path, name)
        assert len(world.requests) == 1


@pytest.mark.parametrize(
    ("name", "key"), [(CHAIN, KEYS.coinmetrics), (CAP, KEYS.coingecko_demo), (NEWS, "feed-key-0123456789abcdef")]
)
@pytest.mark.parametrize("troubles", [[], [Trouble.TOO_MANY], [Trouble.CUT] * 9])
def test_a_key_goes_to_its_source_and_nowhere_else(tmp_path, log, name, key, troubles):
    said = ""
    with OutsideWorld() as world:
        world.headlines = HEADLINES
        world.troubles.extend(troubles)
        if name == NEWS:
            world.url += f"/feed?token={key}"
        try:
            collect(world, tmp_path, name)
        except VenueUnavailable as error:
            said = f"{error!r} {error.__cause__!r} {error.__context__!r}"
        asked = [str(told) for told in zip(world.requests, world.headers, strict=True)]
    assert all(key in request for request in asked)
    assert key not in log.getvalue() + said + repr(KEYS)
    assert (f"{name} did not answer" in log.getvalue()) == bool(troubles)
    assert key not in SeriesStore(tmp_path).path(series_name(name)).read_text()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("coingecko/bitcoin.price", "not for price"),
        ("coingecko/bitcoin", "nobody is known"),
        ("coinmetrics/AdrActCnt", "nobody is known"),
        ("rss/news", "--url"),
        ("csv/mine", "nobody is known"),
    ],
)
def test_a_series_that_nobody_tells_is_refused(name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        open_source(series_name(name), Keys(), lambda: 0)


def test_without_a_key_coingecko_is_asked_without_one(tmp_path):
    with OutsideWorld() as world:
        source = open_source(series_name(CAP), Keys(), world.clock, world.url)
        assert isinstance(source, RangedSource)
        assert collect_span(source, SeriesStore(tmp_path), EVER, world.now_ms).added == 60
    assert not any(name.startswith("x-cg-") for headers in world.headers for name in headers)


def test_a_paid_key_goes_without_a_free_one(tmp_path):
    keys = Keys("demo", "paid", "")
    with OutsideWorld() as world:
        source = open_source(series_name(CAP), keys, world.clock, world.url)
        assert isinstance(source, RangedSource)
        collect_span(source, SeriesStore(tmp_path), EVER, world.now_ms)
    assert {headers.get("x-cg-pro-api-key") for headers in world.headers} == {"paid"}
    assert not any(headers.get("x-cg-demo-api-key") for headers in world.headers)


@pytest.mark.parametrize(
    ("span", "asked", "lacking"),
    [
        ((0, 10), [], [(0, 10)]),
        ((0, 10), [(0, 10)], []),
        ((0, 10), [(-5, 20)], []),
        ((0, 10), [(3, 5)], [(0, 3), (5, 10)]),
        ((0, 10), [(3, 5), (4, 7), (8, 30)], [(0, 3), (7, 8)]),
        ((0, 10), [(12, 13), (5, 4)], [(0, 10)]),
        ((5, 5), [], []),
    ],
)
def test_lacking_is_what_was_not_asked_for(span, asked, lacking) -> None:
    assert list(lacking_of(span, asked)) == lacking
