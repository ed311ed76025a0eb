"""`candlewick compare` on invented candles, without a network: what it writes, what it keeps, what it refuses."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bot.adapters.external.series_store import SeriesStore, series_name
from bot.compose import compare_run
from bot.compose.compare_keys import KEYS
from bot.compose.compare_report import JSON_FILE, PAGE_FILE, document
from bot.compose.compare_run import CompareRequest, compare
from bot.compose.deciding import made_with
from bot.compose.outside_columns import Outside, outside_columns
from bot.core.errors import ConfigError
from bot.core.external import Observation
from bot.core.market import DAY_MS, Timeframe
from bot.exchange.market import MarketModel, SeededMarket
from strategies.forecasting.comparison.question import Course
from strategies.forecasting.folds import Lengths
from strategies.forecasting.labels import LabelRule
from strategies.signal import SignalRule

FROM_MS = 1_609_459_200_000
"""2021-01-01."""
CANDLES = 4_000
ROWS = ("persistence", "drift", "always up", "ridge", "logistic")
GOLDEN = Path(__file__).parents[1] / "golden" / "comparison.json"
ROOT = Path(__file__).parents[2]


def write_candles(path: Path, rho: float) -> Path:
    model = MarketModel(planted_rho=rho, jump_chance=0.0)
    made = SeededMarket(5, "BTC/USDT", Timeframe.H1, model, FROM_MS).candles(CANDLES)
    columns = zip(made.open_time_ms, made.open, made.high, made.low, made.close, made.volume, strict=True)
    lines = [",".join(str(value) for value in row) for row in columns]
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_candles(tmp_path_factory.mktemp("candles") / "made.csv", -0.5)


def request(candles: Path, out: Path, **changes: Any) -> CompareRequest:
    settings: dict[str, Any] = {
        "rows": ROWS,
        "rules": (LabelRule(),),
        "course": Course(Lengths(), 2),
        "best_hit_rate": 0.67,
        **changes,
    }
    fixed: dict[str, Any] = {
        "symbol": "BTC/USDT",
        "timeframe": "1h",
        "looks": out / "looks.jsonl",
        "signal": SignalRule(1.5, 0.5),
    }
    return CompareRequest(files=(candles,), out=out, **(fixed | settings))


def unwatched(_title: str) -> Callable[[int, int], None]:
    return lambda done, total: None


def told(asked: CompareRequest) -> dict[str, Any]:
    compared = compare(asked, unwatched, lambda words: None, lambda: FROM_MS)
    report: dict[str, Any] = json.loads(json.dumps(document(asked, compared, 0.0)))
    return report


@pytest.fixture(scope="module")
def whole(candles: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return told(request(candles, tmp_path_factory.mktemp("whole")))


def timeless(report: dict[str, Any]) -> dict[str, Any]:
    """The report without what differs from run to run."""
    kept = {name: value for name, value in report.items() if name not in ("seconds", "fits", "kept", "keys")}
    for table in kept["tables"]:
        for row in table["rows"]:
            row["making"].pop("seconds", None)
    return kept


def paths(value: Any, prefix: str = "") -> Iterator[str]:
    """Every path of keys in a report, lists as []."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield f"{prefix}{name}"
            yield from paths(each, f"{prefix}{name}.")
    elif isinstance(value, list):
        for each in value:
            yield f"{prefix.removesuffix('.')}[]"
            yield from paths(each, f"{prefix.removesuffix('.')}[].")


def same(found: Any, expected: Any, where: str = "") -> None:
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for name, each in expected.items():
            same(found[name], each, f"{where}.{name}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for number, each in enumerate(expected):
            same(found[number], each, f"{where}[{number}]")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-9), where
    else:
        assert found == expected, where


def test_a_small_table_is_what_it_was(whole: dict[str, Any]) -> None:
    found = timeless(json.loads(json.dumps(whole)))
    # Fingerprints hold float32 features, whose last bits are the processor's.
    found.pop("data")
    same(found, json.loads(GOLDEN.read_text()))


def test_what_was_planted_is_found_and_said_first(whole: dict[str, Any]) -> None:
    assert "1h, the next candle: ridge" in whole["verdict"]["beats_naive"]
    assert "beats the naive rows" in whole["verdict"]["sentences"][0]


def test_every_key_is_explained(whole: dict[str, Any]) -> None:
    free = ("settings", "data", "keys")
    found = {path for path in paths(whole) if not path.startswith(tuple(f"{name}." for name in free))}
    lacking = {
        path
        for path in found
        if path.removesuffix("[]") not in KEYS
        and not any(each.startswith((f"{path}.", f"{path.removesuffix('[]')}[]")) for each in KEYS)
    }

    assert {path for path in lacking if ".folds[]." not in path} == set()


def test_a_comparison_that_was_cut_short_goes_on(candles: Path, tmp_path: Path, whole: dict[str, Any]) -> None:
    class Killed(BaseException):
        pass

    def dying(_title: str) -> Callable[[int, int], None]:
        def moved(done: int, total: int) -> None:
            if done == 4:
                raise Killed

        return moved

    asked = request(candles, tmp_path)
    with pytest.raises(Killed):
        compare(asked, dying, lambda words: None, lambda: FROM_MS)
    kept = sorted((tmp_path / "fits").glob("fit-*"))
    # One of the four was torn by the kill.
    kept[0].write_bytes(kept[0].read_bytes()[:100])
    report = told(asked)

    assert (report["fits"], report["kept"]) == (7, 3)
    assert timeless(report) == timeless(json.loads(json.dumps(whole)))


LOCK_MS = FROM_MS + 140 * DAY_MS


def locked(candles: Path, out: Path, looks: Path, **changes: Any) -> CompareRequest:
    course = Course(Lengths(), 1, LOCK_MS)
    return request(candles, out, **({"rows": ("persistence", "ridge"), "course": course, "looks": looks} | changes))


def test_the_locked_period_is_opened_once(candles: Path, tmp_path: Path) -> None:
    asked = locked(candles, tmp_path / "a", tmp_path / "looks")
    report = told(asked)

    assert report["locked"]["tables"][0]["folds"][0]["test"]["from_ms"] == LOCK_MS
    assert report["tables"][0]["folds"][-1]["test"]["until_ms"] <= LOCK_MS
    assert [each["locked"] for each in report["locked"]["openings"]] == [True]
    # Its report was never written, so the same comparison may go on; another one may not look, wherever it writes.
    assert told(asked)["kept"] == 4
    others: list[dict[str, Any]] = [
        {"rows": ("persistence", "logistic")},
        {"signal": SignalRule(3.0, 0.5)},
        {"lowest": -1.0},
        {"out": tmp_path / "b"},
    ]
    for other in others:
        with pytest.raises(ConfigError, match=r"seen once before.*by compare on 2021-01-01.*--reopen"):
            told(replace(asked, **other))


def test_a_comparison_without_a_lock_has_seen_what_it_was_tested_on(candles: Path, tmp_path: Path) -> None:
    looks = tmp_path / "looks"
    told(locked(candles, tmp_path / "a", looks, course=Course(Lengths(), 1)))
    with pytest.raises(ConfigError, match=f"seen once before.*into {tmp_path / 'a'}"):
        told(locked(candles, tmp_path / "b", looks))
    report = told(locked(candles, tmp_path / "b", looks, reopen=True))

    assert report["locked"]["verdict"]["sentences"][0].startswith("These days had been seen once before, so this is no")
    assert [(each["out"], each["locked"]) for each in report["locked"]["openings"]] == [
        (str(tmp_path / "a"), False),
        (str(tmp_path / "b"), True),
    ]


def test_a_comparison_that_ends_before_the_lock_has_seen_nothing_of_it(candles: Path, tmp_path: Path) -> None:
    looks = tmp_path / "looks"
    told(locked(candles, tmp_path / "a", looks, course=Course(Lengths(), 1), until_ms=LOCK_MS))

    assert len(told(locked(candles, tmp_path / "b", looks))["locked"]["openings"]) == 1


def test_fits_of_other_code_are_made_anew(candles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request(candles, tmp_path)
    told(asked)
    assert told(asked)["fits"] == 0
    monkeypatch.setattr(compare_run, "made_with", lambda module: (*made_with(module)[1:], "code of another day"))

    assert told(asked)["kept"] == 0


def outside(folder: Path, fetched_ms: int, *, stated: bool, backfilled: bool) -> Outside:
    rows = [
        Observation(at_ms, at_ms + DAY_MS, max(fetched_ms, at_ms + DAY_MS), "made", 0, 50.0 + day, stated)
        for day in range(170)
        for at_ms in [FROM_MS + day * DAY_MS]
    ]
    with SeriesStore(folder).writing(series_name("alternative.me/fear_greed")) as writer:
        writer.append(rows)
    made = outside_columns(["fear_greed"], folder, backfilled=backfilled)
    assert made is not None
    return made


def test_a_history_that_was_downloaded_at_once_needs_a_word_and_is_said_first(candles: Path, tmp_path: Path) -> None:
    today_ms = FROM_MS + 1_000 * DAY_MS
    rows = ("persistence", "ridge")
    strict = outside(tmp_path / "strict", today_ms, stated=False, backfilled=False)
    with pytest.raises(ConfigError, match=r"of fear_greed nothing had been fetched by 2021-06-16.*--backfilled"):
        told(request(candles, tmp_path / "a", rows=rows, outside=strict))
    asked = outside(tmp_path / "asked", today_ms, stated=False, backfilled=True)
    report = told(request(candles, tmp_path / "a", rows=rows, outside=asked))

    first = report["verdict"]["sentences"][0]
    assert first.startswith("Back-filled: 100.0% of the rows (170 of 170) of fear_greed were fetched a week or more")
    assert first.endswith("that they were known then cannot be claimed.")
    assert report["settings"]["outside_rows"][0]["back_filled"] == 170


def test_a_file_that_says_when_each_row_was_known_is_believed_and_named(candles: Path, tmp_path: Path) -> None:
    believed = outside(tmp_path / "store", FROM_MS + 1_000 * DAY_MS, stated=True, backfilled=False)
    report = told(request(candles, tmp_path / "a", rows=("persistence", "ridge"), outside=believed))

    assert report["verdict"]["sentences"][0].startswith("Taken at their word: 100.0% of the rows (170 of 170)")


def test_what_was_collected_day_by_day_needs_no_word(candles: Path, tmp_path: Path) -> None:
    collected = outside(tmp_path / "store", 0, stated=False, backfilled=False)
    report = told(request(candles, tmp_path / "a", rows=("persistence", "ridge"), outside=collected))

    assert report["verdict"]["sentences"][0].startswith("ridge beats the naive rows")


def candlewick(*words: str | Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from bot.cli.main import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300, check=False)


def test_the_command_writes_a_page_and_a_file_and_refuses_a_second_look(
    candles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    words = (
        *("compare", "--candles", candles, "--symbol", "BTC/USDT", "--timeframe", "1h", "--folds", "1"),
        *("--rows", "persistence,drift,ridge", "--horizons", "1,4", "--jobs", "2", "--best-hit-rate", "0.7"),
        *("--lock", "2021-05-20", "--out"),
    )
    ended = candlewick(*words, tmp_path)
    again = candlewick(*words, tmp_path)
    opened = candlewick(*words, tmp_path, "--reopen", "--json")

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[0].startswith("ridge beats the naive rows: 1h, the next candle; direction right")
    assert "The locked period:" in ended.stdout
    report = json.loads((tmp_path / JSON_FILE).read_text())
    assert [table["name"] for table in report["tables"]] == ["1h, the next candle", "1h, 4 candles ahead"]
    page = (tmp_path / PAGE_FILE).read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert (again.returncode, again.stdout) == (2, "")
    assert str(tmp_path / "state/candlewick/looks.jsonl") in again.stderr
    assert opened.returncode == 0, opened.stderr
    reopened = json.loads(opened.stdout)
    assert [each["command"] for each in reopened["locked"]["openings"]] == ["compare", "compare"]
    assert reopened["locked"]["verdict"]["sentences"][0].startswith("These days had been seen once before")
    assert reopened["fits"] == 0


def test_a_leak_ends_the_command_by_its_own_code_and_names_the_row(tmp_path: Path) -> None:
    ended = candlewick(
        *("compare", "--candles", write_candles(tmp_path / "made.csv", -0.9), "--symbol", "BTC/USDT"),
        *("--timeframe", "1h", "--folds", "3", "--rows", "persistence,ridge", "--jobs", "1", "--out", tmp_path / "out"),
    )

    assert ended.returncode == 8
    assert "suspected leak in ridge on 1h, the next candle" in ended.stderr


def test_an_unknown_row_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    ended = candlewick("compare", "--candles", "absent.csv", "--rows", "oracle", "--out", tmp_path)

    assert ended.returncode == 2
    assert "no row 'oracle'" in ended.stderr
