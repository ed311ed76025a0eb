from functools import partial

from bot.adapters.decision_board import DecisionBoard, last_decisions
from bot.core.commands import CancelOrder, Decided, Marked, Observation, Verdict
from bot.core.events import Halt
from tests.engine_world import MemoryJournal
from tests.hourly_bars import BTC, ETH, bar, closed


def decided(symbol: str, at_ms: int) -> Decided:
    return Decided(at_ms, symbol, 1.0, 0.5, 0.0, Verdict.HOLD, "kept")


def test_everything_reaches_the_journal_as_it_came() -> None:
    journal = MemoryJournal()
    board = DecisionBoard(journal)
    event, deed, marked, row = closed(bar(0, 100.0)), CancelOrder("a1", BTC), Marked(0, 1.0, 1.0, 0.0), decided(BTC, 1)
    board.append(event)
    board.record(deed)
    board.observe(marked)
    board.observe(row)
    board.step_done()
    board.commit()
    assert journal.records == [event, deed, marked, row]
    assert (journal.rests[-1], journal.commits) == (1, 1)
    assert board.events == 1


def test_the_last_decision_of_each_market_is_remembered() -> None:
    board = DecisionBoard(MemoryJournal(), {BTC: decided(BTC, 0), ETH: decided(ETH, 0)})
    board.append(closed(bar(0, 100.0)))
    board.observe(decided(BTC, 1))
    board.observe(decided(BTC, 2))
    assert board.decisions == {BTC: decided(BTC, 2), ETH: decided(ETH, 0)}


def test_the_last_decisions_of_a_journal_are_found() -> None:
    rows: list[Observation] = [decided(BTC, 1), Marked(1, 1.0, 1.0, 0.0), decided(ETH, 1), decided(BTC, 2)]
    assert last_decisions(rows) == {BTC: decided(BTC, 2), ETH: decided(ETH, 1)}


def test_who_waits_for_an_event_hears_of_its_commit_and_not_before() -> None:
    board, heard = DecisionBoard(MemoryJournal()), list[str]()
    event = Halt(0, "lunch")
    board.when_durable(event, partial(heard.append, "durable"))
    board.append(closed(bar(0, 100.0)))
    board.commit()
    board.append(event)
    board.step_done()
    assert heard == []
    board.commit()
    board.commit()
    assert heard == ["durable"]


def test_a_flow_that_does_not_wait_for_the_disk_does_so_for_an_event_that_is_waited_for() -> None:
    journal = MemoryJournal()
    board, heard = DecisionBoard(journal), list[str]()
    board.append(closed(bar(0, 100.0)))
    board.keep()
    assert journal.commits == 0
    event = Halt(0, "lunch")
    board.when_durable(event, partial(heard.append, "durable"))
    board.append(event)
    board.keep()
    assert (journal.commits, heard) == (1, ["durable"])
    board.keep()
    assert journal.commits == 1


def test_the_very_event_is_waited_for_and_not_one_like_it() -> None:
    board, heard = DecisionBoard(MemoryJournal()), list[int]()
    events = [Halt(0, "lunch"), Halt(0, "lunch")]
    for number, event in enumerate(events):
        board.when_durable(event, partial(heard.append, number))
    board.append(events[1])
    board.commit()
    assert heard == [1]
    board.append(Halt(0, "lunch"))
    board.append(events[0])
    board.commit()
    assert heard == [1, 0]
