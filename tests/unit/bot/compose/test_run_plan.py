import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bot.compose.parts import instrument
from bot.compose.run import build_engine, open_run, plan
from bot.core.errors import ConfigError, JournalError
from bot.core.events import RunStarted, SessionStarted
from bot.core.market import Timeframe
from bot.version import code_version
from config.loading import load_settings


def planned(overrides: dict[str, str] | None = None, **changes: Any) -> RunStarted:
    loaded = load_settings(None, overrides or {})
    markets = [
        instrument(symbol, loaded.settings, "recorded", first_price=100.0) for symbol in ("BTC/USDT", "ETH/USDT")
    ]
    given: dict[str, Any] = {
        "instruments": markets,
        "timeframe": Timeframe.H1,
        "strategy": "buy-and-hold",
        "bundle": None,
        "started_ms": 7_200_000,
        "inputs": {"candles": "c" * 64},
        "labels": {"market": "made"},
    } | changes
    return plan(loaded, **given)


def test_a_run_is_named_by_all_that_its_decisions_depend_on() -> None:
    names = [
        planned().run_id,
        planned({"stop.atr_multiple": "2.5"}).run_id,
        planned(instruments=planned().instruments[:1]).run_id,
        planned(instruments=planned().instruments[::-1]).run_id,
        planned(timeframe=Timeframe.H4).run_id,
        planned(started_ms=0).run_id,
        planned(inputs={"candles": "d" * 64}).run_id,
        planned(inputs={"seed": "c" * 64}).run_id,
        planned({"account.budget": "5000"}).run_id,
        planned(strategy="forecast").run_id,
    ]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in names)


def test_words_for_people_do_not_name_a_run() -> None:
    same = [planned(labels={}), planned({"profile.description": "mine"})]
    assert {header.run_id for header in same} == {planned().run_id}


def test_the_first_record_holds_what_the_run_depends_on() -> None:
    header = planned()
    assert header.at_ms == 7_200_000
    assert header.code_version == header.fingerprints["code"] == code_version()
    assert header.fingerprints["strategy"] == "buy-and-hold"
    assert header.fingerprints["started_ms"] == "7200000"
    assert header.fingerprints["candles"] == "c" * 64
    assert header.settings["stop.atr_multiple"] == "3.0"
    assert header.budget == Decimal(10_000)
    assert header.labels == {"market": "made"}
    assert "bundle" not in header.fingerprints


def test_ids_of_orders_are_taken_from_the_run() -> None:
    engine = build_engine(planned())
    assert engine.state.portfolio.cash == 10_000
    assert tuple(engine.state.markets) == ("BTC/USDT", "ETH/USDT")


def test_a_run_of_other_features_is_not_decided_here() -> None:
    header = planned(strategy="forecast")
    other = replace(header, fingerprints=header.fingerprints | {"features": "f" * 64, "window": "60"})
    with pytest.raises(JournalError, match="another set of features than this version computes"):
        build_engine(other)


def test_a_new_run_is_begun(tmp_path: Path) -> None:
    opened = open_run(tmp_path / "run", planned(), synchronous="NORMAL")
    opened.journal.close()
    assert opened.taken is None
    assert opened.header == planned()


def test_an_unfinished_run_is_taken_up(tmp_path: Path) -> None:
    first = open_run(tmp_path, planned(), synchronous="NORMAL")
    event = SessionStarted(7_200_000)
    first.journal.append(event)
    first.engine.process(event)
    first.journal.commit()
    first.journal.close()

    opened = open_run(tmp_path, planned(labels={"market": "in other words"}), synchronous="NORMAL")
    opened.journal.close()

    assert opened.taken is not None
    assert opened.taken.events == 1
    assert opened.header == planned()
    assert opened.engine.save() == first.engine.save()


def test_a_finished_run_is_not_taken_up_and_not_kept_from_others(tmp_path: Path) -> None:
    first = open_run(tmp_path, planned(), synchronous="NORMAL")
    first.journal.finish()
    first.journal.close()
    for _ in range(2):
        with pytest.raises(JournalError, match=r"is finished: see `candlewick report .*`, or use another folder"):
            open_run(tmp_path, planned(), synchronous="NORMAL")


def test_another_run_is_not_taken_up_and_not_kept_from_others(tmp_path: Path) -> None:
    open_run(tmp_path, planned(), synchronous="NORMAL").journal.close()
    with pytest.raises(JournalError, match=r"holds another run: stop\.atr_multiple was 3\.0 and is 2\.5$"):
        open_run(tmp_path, planned({"stop.atr_multiple": "2.5"}), synchronous="NORMAL")
    open_run(tmp_path, planned(), synchronous="NORMAL").journal.close()


def test_what_another_run_holds_at_a_venue_is_told_with_the_way_to_sell_it(tmp_path: Path) -> None:
    at_venue: dict[str, Any] = {"inputs": {"place": "binance-testnet", "speed": "1"}}
    open_run(tmp_path, planned(**at_venue), synchronous="NORMAL").journal.close()
    with pytest.raises(JournalError, match=r"is 2\.5\. What it holds at binance-testnet .* `candlewick flatten"):
        open_run(tmp_path, planned({"stop.atr_multiple": "2.5"}, **at_venue), synchronous="NORMAL")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(ConfigError, match="is a file: name the run's folder with --out"):
        open_run(tmp_path / "run", planned(), synchronous="NORMAL")
