"""What a tape gives back is what was recorded, or a beginning of it, wherever blocks and files ended."""

import tempfile
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.feed_inputs import (
    AnyFeedInput,
    Connected,
    Disconnected,
    FrameReceived,
    HistoryAnswered,
    HistoryFailed,
    Tick,
)
from bot.adapters.tape_reader import read_tape
from bot.adapters.tape_writer import TapeLimits, TapeWriter
from bot.core.errors import DataError
from tests.unit.bot.adapters.tape_samples import HEADER, recorded

times = st.integers(0, 2**53)
texts = st.text(max_size=20)
symbols = st.text(min_size=1, max_size=12)
figures = st.floats()
rows = st.lists(st.tuples(times, figures, figures, figures, figures, figures), max_size=4).map(tuple)

inputs = st.one_of(
    st.builds(Tick, times),
    st.builds(FrameReceived, times, st.integers(0, 9), st.binary(max_size=60)),
    st.builds(Connected, times, st.integers(0, 9), st.lists(symbols, max_size=3).map(tuple)),
    st.builds(Disconnected, times, st.integers(0, 9), texts),
    st.builds(HistoryAnswered, times, symbols, times, times, times, rows),
    st.builds(HistoryFailed, times, symbols, times, times, texts),
)
limits = st.builds(TapeLimits, st.integers(1, 6), st.integers(1, 400), st.integers(0, 10_000), st.integers(1, 2_000))
pieces = st.lists(st.tuples(st.lists(inputs, max_size=12), st.booleans()), min_size=1, max_size=4)


def encoded(items: list[AnyFeedInput]) -> list[bytes]:
    """Bytes, because a price that is no number is not equal to itself."""
    return [msgspec.msgpack.encode(item) for item in items]


@settings(deadline=None, max_examples=60)
@given(sessions=pieces, limit=limits)
def test_a_tape_is_the_same_however_it_was_cut(sessions: list[tuple[list[AnyFeedInput], bool]], limit: TapeLimits):
    with tempfile.TemporaryDirectory() as name:
        for items, flushed in sessions:
            with TapeWriter(Path(name), HEADER, limit) as tape:
                for item in items:
                    tape.write(item)
                    if flushed:
                        tape.flush()
        found = read_tape(Path(name))
        assert [encoded(list(session.inputs())) for session in found.sessions] == [encoded(i) for i, _ in sessions]
        assert not found.remarks()


@settings(deadline=None, max_examples=40)
@given(items=st.lists(inputs, min_size=1, max_size=10), limit=limits, data=st.data())
def test_a_tape_cut_off_anywhere_is_a_beginning_of_itself(items: list[AnyFeedInput], limit: TapeLimits, data):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with TapeWriter(folder, HEADER, limit) as tape:
            for item in items:
                tape.write(item)
        *_, last = sorted(folder.glob("*.tape"))
        whole = last.read_bytes()
        kept = data.draw(st.integers(0, len(whole) - 1))
        last.write_bytes(whole[:kept])
        try:
            found = encoded(recorded(folder))
        except DataError as error:
            # Of the only file not even the header is left.
            assert "holds no tape" in str(error)  # noqa: PT017
            found = []
        else:
            assert len(read_tape(folder).remarks()) == 1
        assert found == encoded(items)[: len(found)]
        with TapeWriter(folder, HEADER, limit) as tape:
            tape.write(Tick(1))
        assert encoded(recorded(folder)) == [*found, msgspec.msgpack.encode(Tick(1))]
