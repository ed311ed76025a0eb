"""Where blocks end and how often a run is taken up again never shows in what the run is."""

import tempfile
from hashlib import sha256
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.journal import Journal
from bot.adapters.journal_reader import read_run
from bot.core.commands import BreakerTripped, CancelOrder, Decided, Deed, Marked, Notify, Observation
from bot.core.events import SESSION_EVENTS, AnyEvent, ForecastReady, Halt, PriceUpdated, SessionStarted
from tests.unit.bot.adapters.journal_samples import (
    EVENTS,
    HEADER,
    SYMBOL,
    closed,
    decided,
    forecast,
    keep,
    marked,
    submitted,
)

times = st.integers(0, 2**62)
prices = st.floats(min_value=0.0, exclude_min=True, allow_infinity=False)
texts = st.text(max_size=40)

events = st.one_of(
    st.builds(closed, st.integers(0, 10**6)),
    # A clock that measures a duration never answers -0.0.
    st.builds(forecast, st.integers(0, 10**6), st.floats(0.0, allow_infinity=False)),
    st.builds(lambda at_ms, price: PriceUpdated(at_ms, SYMBOL, price, price, price), times, prices),
    st.builds(Halt, times, texts),
    st.builds(SessionStarted, times),
    st.sampled_from(EVENTS),
)
outputs = st.one_of(
    st.builds(submitted, st.integers(0, 10**6)),
    st.builds(CancelOrder, texts, texts),
    st.builds(decided, st.integers(0, 10**6)),
    st.builds(marked, st.integers(0, 10**6)),
    st.builds(BreakerTripped, times, texts, texts),
    st.builds(Notify, times, texts, texts),
)
steps = st.tuples(events, st.lists(outputs, max_size=4), st.sampled_from(["go on", "commit", "snapshot", "resume"]))

Step = tuple[AnyEvent, list[Deed | Observation], str]
Records = list[AnyEvent | Deed | Observation]


def expected_sha256(run: list[Step]) -> str:
    digest = sha256()
    for event, _, _ in run:
        if isinstance(event, ForecastReady):
            digest.update(msgspec.msgpack.encode(msgspec.structs.replace(event, latency_ms=0.0)))
        elif not isinstance(event, SESSION_EVENTS):
            digest.update(msgspec.msgpack.encode(event))
    return digest.hexdigest()


def split(records: Records) -> tuple[Records, Records]:
    """Events and deeds, and beside them what was observed."""
    observed = (Decided, Marked, BreakerTripped, Notify)
    return (
        [record for record in records if not isinstance(record, observed)],
        [record for record in records if isinstance(record, observed)],
    )


@settings(deadline=None, max_examples=60)
@given(run=st.lists(steps, max_size=25), block_records=st.integers(1, 12))
def test_a_run_is_the_same_however_it_was_cut_into_blocks_and_sessions(run: list[Step], block_records: int):
    written: Records = [HEADER]
    since_snapshot: Records = []
    state = None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal = Journal.create(folder, HEADER, synchronous="NORMAL", block_records=block_records)
        for number, (event, commands, then) in enumerate(run):
            journal.append(event)
            for command in commands:
                keep(journal, command)
            journal.step_done()
            written += [event, *commands]
            since_snapshot += [event, *commands]
            match then:
                case "commit":
                    journal.commit()
                case "snapshot":
                    state = b"%d" % number
                    journal.snapshot(state)
                    since_snapshot = []
                case "resume":
                    journal.commit()
                    journal.close()
                    journal, recovered = Journal.resume(folder, synchronous="NORMAL", block_records=block_records)
                    assert recovered.header == HEADER
                    assert recovered.snapshot == state
                    assert list(recovered.tail) == split(since_snapshot)[0]
        assert journal.event_count == 1 + len(run)
        journal.finish()
        fingerprint = journal.events_sha256()
        journal.close()
        stored = read_run(folder)
        assert fingerprint == stored.events_sha256 == expected_sha256(run)
        assert split(list(stored.records())) == split(written)
