from pathlib import Path
from typing import Any

import pytest

from bot.adapters.journal_reader import read_run
from bot.compose.replay_run import ReplayRequest, ReplayRun, date_ms
from bot.core.errors import ConfigError, DataError, JournalError
from tests.command_line import DEMO_BUNDLE, HOUR_MS, write_markets

FIRST_MS = 1_704_067_200_000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_markets(tmp_path_factory.mktemp("candles"), 120)


def ready(files: dict[str, Path], out: Path, **asked: Any) -> ReplayRun:
    return ReplayRun(ReplayRequest(tuple(files.values()), out, **({"strategy": "buy-and-hold"} | asked)))


def closed(run: ReplayRun) -> None:
    run.opened.journal.close()


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        (None, None),
        ("2024-01-01", FIRST_MS),
        ("2024-01-01T12:00", FIRST_MS + 12 * HOUR_MS),
        ("2024-01-01T12:00:30+00:00", FIRST_MS + 12 * HOUR_MS + 30_000),
        ("2024-01-01T12:00+02:00", FIRST_MS + 10 * HOUR_MS),
    ],
)
def test_a_date_is_of_utc_unless_it_says_otherwise(text: str | None, ms: int | None) -> None:
    assert date_ms(text, "--from") == ms


@pytest.mark.parametrize("text", ["", "yesterday", "2024-13-01", "01.02.2024", "2024-02-30"])
def test_what_is_no_date_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ConfigError, match=f"--from {text} is not a date: write it as 2024-06-01"):
        date_ms(text, "--from")


def test_all_candles_are_played_and_progress_is_told(files: dict[str, Path], tmp_path: Path) -> None:
    run = ready(files, tmp_path / "run")
    told: list[tuple[int, int]] = []
    assert run.candles_left == 240
    run.play(lambda candles, close_ms: told.append((candles, close_ms)))

    assert told == [(2, FIRST_MS + number * HOUR_MS) for number in range(1, 121)]
    assert read_run(tmp_path / "run").finished


def test_the_beginning_is_on_the_grid_of_the_candles(files: dict[str, Path], tmp_path: Path) -> None:
    run = ready(files, tmp_path / "run", from_date="2024-01-02T00:30")
    assert run.opened.header.at_ms == FIRST_MS + 25 * HOUR_MS
    assert run.candles_left == 2 * (120 - 25)
    closed(run)


def test_a_beginning_before_the_candles_is_theirs(files: dict[str, Path], tmp_path: Path) -> None:
    run = ready(files, tmp_path / "run", from_date="2020-01-01")
    assert run.opened.header.at_ms == FIRST_MS
    closed(run)


def test_a_beginning_after_the_candles_is_refused(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the candles end on 2024-01-05, before --from"):
        ready(files, tmp_path / "run", from_date="2024-02-01")


def test_the_markets_stand_in_the_order_of_their_names(files: dict[str, Path], tmp_path: Path) -> None:
    run = ready(dict(reversed(files.items())), tmp_path / "run")
    assert [one.symbol for one in run.opened.header.instruments] == ["BTC/USDT", "ETH/USDT"]
    closed(run)


def test_a_run_is_labelled_for_its_reader(files: dict[str, Path], tmp_path: Path) -> None:
    run = ready(files, tmp_path / "run", strategy="forecast", bundle=DEMO_BUNDLE, profile="lively")
    labels = run.opened.header.labels
    assert labels["market"] == "recorded candles of BTC_USDT-1h.csv, ETH_USDT-1h.csv"
    assert labels["profile"] == "lively"
    assert labels["bundle"].startswith("demo@")
    assert int(labels["bundle_trained_from_ms"]) < int(labels["bundle_trained_until_ms"]) <= FIRST_MS
    assert run.opened.header.fingerprints["window"] == "60"
    closed(run)


def test_markets_of_several_timeframes_make_no_run(files: dict[str, Path], tmp_path: Path) -> None:
    heading, *rows = files["ETH/USDT"].read_text().splitlines()
    slow = tmp_path / "ETH_USDT-4h.csv"
    slow.write_text("\n".join([heading, *rows[::4]]))
    with pytest.raises(ConfigError, match="share one timeframe, these do not: BTC/USDT 1h, ETH/USDT 4h"):
        ready({"BTC/USDT": files["BTC/USDT"], "ETH/USDT": slow}, tmp_path / "run")


def test_candles_that_were_mended_are_told(files: dict[str, Path], tmp_path: Path) -> None:
    heading, *rows = files["BTC/USDT"].read_text().splitlines()
    holed = tmp_path / "BTC_USDT-1h.csv"
    holed.write_text("\n".join([heading, *rows[:50], *rows[52:]]))
    run = ready({"BTC/USDT": holed}, tmp_path / "run")
    assert len(run.findings) == 1
    assert run.findings[0].startswith("BTC/USDT: ")
    assert run.candles_left == 118
    closed(run)
    whole = ready(files, tmp_path / "other")
    assert whole.findings == []
    closed(whole)


def test_a_run_that_stopped_half_way_has_the_rest_left(files: dict[str, Path], tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop_at_forty(_candles: int, close_ms: int) -> None:
        if close_ms == FIRST_MS + 40 * HOUR_MS:
            raise Stop

    settings = {"journal.block_records": "1"}
    with pytest.raises(Stop):
        ready(files, tmp_path / "run", overrides=settings).play(stop_at_forty)

    again = ready(files, tmp_path / "run", overrides=settings)
    assert again.opened.taken is not None
    assert again.candles_left == 160
    again.play(lambda _candles, _close_ms: None)
    with pytest.raises(JournalError, match="is finished"):
        ready(files, tmp_path / "run", overrides=settings)
