"""A tape gives back what was recorded, or says which block of which file it cannot give back."""

import json
import os
import shutil
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from bot.adapters.feed_inputs import AnyFeedInput, FrameReceived, Tick
from bot.adapters.tape_format import (
    FIRST_SEAL,
    HEAD_BYTES,
    MAGIC,
    FileHeader,
    pack_header,
    unpack_body,
    unpack_head,
)
from bot.adapters.tape_reader import read_tape
from bot.adapters.tape_writer import TapeLimits, TapeWriter
from bot.core.errors import ConfigError, DataError, JournalError, StorageError
from tests.unit.bot.adapters.tape_samples import HEADER, INPUTS, SYMBOL, frame, record, recorded

GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "tape_format.json"
UPDATE = "CANDLEWICK_UPDATE_GOLDEN"

SMALL = TapeLimits(block_inputs=4, file_bytes=900)
FRAMES = [frame(number) for number in range(60)]


def blocks(path: Path) -> list[tuple[int, bytes]]:
    """Where each block of a file begins, and what it holds."""
    data = path.read_bytes()
    assert data.startswith(MAGIC)
    at = len(MAGIC) + len(FIRST_SEAL)
    seal = data[len(MAGIC) : at]
    found = []
    while at < len(data):
        head = unpack_head(data[at : at + HEAD_BYTES])
        assert head is not None
        body = unpack_body(head, seal, data[at + HEAD_BYTES : at + HEAD_BYTES + head.packed])
        assert body is not None
        found.append((at, body))
        at, seal = at + HEAD_BYTES + head.packed, head.seal
    return found


def described(path: Path) -> dict[str, object]:
    return {
        "file": path.read_bytes().hex(),
        "blocks": [body.hex() for _, body in blocks(path)],
    }


def write_samples(folder: Path) -> None:
    record(folder, INPUTS, TapeLimits(block_inputs=4))


def test_the_content_of_a_tape_is_that_of_the_golden_file(tmp_path):
    """A difference here breaks every tape there is. Where that is meant, raise FORMAT and set the switch."""
    write_samples(tmp_path)
    written = described(tmp_path / "000001.tape")
    if os.environ.get(UPDATE):
        GOLDEN.write_text(json.dumps(written, indent=1) + "\n", "utf-8")
    # What zlib makes of the same bytes is its own affair, and may change with its version.
    assert written["blocks"] == json.loads(GOLDEN.read_text("utf-8"))["blocks"]


def test_a_frame_of_an_earlier_tape_says_nothing_of_the_latest_time() -> None:
    earlier = msgspec.msgpack.encode(["FrameReceived", 7, 1, b"{}"])
    assert msgspec.msgpack.decode(earlier, type=AnyFeedInput) == FrameReceived(7, 1, b"{}", None)


def test_a_tape_of_the_golden_bytes_is_read(tmp_path):
    (tmp_path / "000001.tape").write_bytes(bytes.fromhex(json.loads(GOLDEN.read_text("utf-8"))["file"]))
    tape = read_tape(tmp_path)
    assert [session.header for session in tape.sessions] == [HEADER]
    assert recorded(tmp_path) == list(INPUTS)
    assert not tape.remarks()


def test_every_kind_of_input_comes_back(tmp_path):
    write_samples(tmp_path)
    assert recorded(tmp_path) == list(INPUTS)


def test_a_tape_can_be_read_again_and_again(tmp_path):
    write_samples(tmp_path)
    (session,) = read_tape(tmp_path).sessions
    assert list(session.inputs()) == list(session.inputs())


@pytest.mark.parametrize(
    ("limits", "inputs", "in_blocks"),
    [
        (TapeLimits(block_inputs=3), [Tick(0)] * 8, [3, 3, 2]),
        (TapeLimits(block_bytes=1), [Tick(0)] * 3, [1, 1, 1]),
        (TapeLimits(block_ms=10), [Tick(at_ms) for at_ms in (0, 5, 10, 11, 20, 21, 400)], [3, 3, 1]),
    ],
    ids=["inputs", "bytes", "time"],
)
def test_a_block_is_closed_by_its_inputs_its_bytes_or_their_time(tmp_path, limits, inputs, in_blocks):
    record(tmp_path, inputs, limits)
    heads = [
        unpack_head((tmp_path / "000001.tape").read_bytes()[at:][:HEAD_BYTES])
        for at, _ in blocks(tmp_path / "000001.tape")
    ]
    assert [head.inputs for head in heads if head] == [0, *in_blocks, 0]
    assert recorded(tmp_path) == inputs


def test_what_was_flushed_is_there_although_nothing_was_closed(tmp_path):
    writer = TapeWriter(tmp_path, HEADER)
    writer.write(frame(1))
    assert recorded(tmp_path) == []
    writer.flush()
    writer.flush()
    assert recorded(tmp_path) == [frame(1)]
    writer.close()


def test_files_are_rotated_by_size_and_read_as_one(tmp_path):
    record(tmp_path, FRAMES, SMALL)
    paths = sorted(tmp_path.glob("*.tape"))
    assert len(paths) > 3
    assert max(path.stat().st_size for path in paths) < 1_400
    assert recorded(tmp_path) == FRAMES
    assert not read_tape(tmp_path).remarks()


def test_the_same_inputs_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        record(tmp_path / name, FRAMES, SMALL)
    assert [path.read_bytes() for path in sorted((tmp_path / "one").glob("*.tape"))] == [
        path.read_bytes() for path in sorted((tmp_path / "two").glob("*.tape"))
    ]


def test_a_folder_with_a_tape_gets_another_session(tmp_path):
    later = replace(HEADER, started_ms=9_000, code_version="1.3.0")
    record(tmp_path, FRAMES[:9], SMALL)
    record(tmp_path, FRAMES[9:], SMALL, header=later)
    first, second = read_tape(tmp_path).sessions
    assert (first.header, second.header) == (HEADER, later)
    assert list(first.inputs()) == FRAMES[:9]
    assert list(second.inputs()) == FRAMES[9:]


def test_a_session_after_a_killed_one_begins_behind_its_last_whole_block(tmp_path):
    record(tmp_path, FRAMES[:8], TapeLimits(block_inputs=4))
    path = tmp_path / "000001.tape"
    path.write_bytes(path.read_bytes()[: blocks(path)[-2][0] + 20])
    record(tmp_path, FRAMES[8:12])
    assert recorded(tmp_path) == FRAMES[:4] + FRAMES[8:12]
    (remark,) = read_tape(tmp_path).remarks()
    assert remark.startswith("000001.tape ends without a closing block")
    assert "20 bytes" in remark


@pytest.mark.parametrize("kept", [0, 7, len(MAGIC), 60, 100])
def test_a_file_whose_header_was_not_finished_is_passed_over(tmp_path, kept):
    record(tmp_path, FRAMES[:4])
    beginning, _ = pack_header(read_tape(tmp_path).seal, FileHeader("1", 2, 2, HEADER))
    (tmp_path / "000002.tape").write_bytes(beginning[:kept])
    assert recorded(tmp_path) == FRAMES[:4]
    record(tmp_path, FRAMES[4:8])
    assert (tmp_path / "000003.tape").exists()
    assert recorded(tmp_path) == FRAMES[:8]


def test_zeros_behind_the_last_whole_block_are_what_a_power_failure_leaves(tmp_path):
    record(tmp_path, FRAMES[:4])
    path = tmp_path / "000001.tape"
    path.write_bytes(path.read_bytes()[: blocks(path)[-1][0]] + bytes(300))
    assert recorded(tmp_path) == FRAMES[:4]
    assert "300 bytes" in read_tape(tmp_path).remarks()[0]


def test_no_changed_byte_goes_unnoticed(tmp_path):
    """Each byte of three files, one after the other: an error that names file and block, or a tail that is said so."""
    whole = tmp_path / "whole"
    record(whole, FRAMES[:40], SMALL)
    paths = sorted(whole.glob("*.tape"))
    assert len(paths) == 3
    copy = shutil.copytree(whole, tmp_path / "copy")
    errors = tails = 0
    for path in paths:
        data = path.read_bytes()
        found = blocks(path)
        for at in range(len(data)):
            (copy / path.name).write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
            try:
                items = recorded(copy)
            except DataError as error:
                errors += 1
                block = max((n for n, (begin, _) in enumerate(found) if begin <= at), default=0)
                place = f"{copy / path.name} is no file" if at < len(MAGIC) else f"block {block} of {copy / path.name} "
                assert place in str(error)  # noqa: PT017
            else:
                tails += 1
                assert path is paths[-1]
                assert at >= found[-1][0]
                assert items == FRAMES[:40]
                assert read_tape(copy).remarks()
        (copy / path.name).write_bytes(data)
    assert errors > 2_000
    assert 0 < tails < 100


def test_a_file_that_lost_its_last_block_is_named(tmp_path):
    record(tmp_path, FRAMES[:24], SMALL)
    path = tmp_path / "000001.tape"
    found = blocks(path)
    path.write_bytes(path.read_bytes()[: found[-1][0]])
    with pytest.raises(DataError, match=rf"block {len(found) - 1} of .*000001\.tape is missing"):
        recorded(tmp_path)


def test_a_session_that_lost_its_last_block_is_named(tmp_path):
    record(tmp_path, FRAMES[:4])
    record(tmp_path, FRAMES[4:8])
    path = tmp_path / "000001.tape"
    path.write_bytes(path.read_bytes()[: blocks(path)[-1][0]])
    with pytest.raises(DataError, match=r"block 2 of .*000001\.tape is missing"):
        read_tape(tmp_path)


def test_something_behind_the_end_is_damage(tmp_path):
    record(tmp_path, FRAMES[:4])
    path = tmp_path / "000001.tape"
    data = path.read_bytes()
    path.write_bytes(data + data[blocks(path)[1][0] :])
    with pytest.raises(DataError, match=r"block 3 of .*000001\.tape is not what was written"):
        read_tape(tmp_path)


def test_a_missing_file_is_named(tmp_path):
    record(tmp_path, FRAMES, SMALL)
    (tmp_path / "000002.tape").unlink()
    with pytest.raises(DataError, match=r"000002\.tape is missing"):
        read_tape(tmp_path)


def test_two_files_that_changed_places_are_noticed(tmp_path):
    record(tmp_path, FRAMES, SMALL)
    (tmp_path / "000002.tape").rename(tmp_path / "kept")
    (tmp_path / "000003.tape").rename(tmp_path / "000002.tape")
    (tmp_path / "kept").rename(tmp_path / "000003.tape")
    with pytest.raises(DataError, match=r"block 0 of .*000002\.tape is that of 000003\.tape"):
        read_tape(tmp_path)


def test_a_file_of_another_tape_is_noticed(tmp_path):
    record(tmp_path / "one", FRAMES, SMALL)
    record(tmp_path / "two", FRAMES[1:], SMALL)
    shutil.copy(tmp_path / "two" / "000002.tape", tmp_path / "one" / "000002.tape")
    with pytest.raises(DataError, match=r"000001\.tape is missing or not what was written"):
        recorded(tmp_path / "one")


def test_a_folder_without_a_tape_is_named(tmp_path):
    with pytest.raises(DataError, match="holds no tape"):
        read_tape(tmp_path)
    with pytest.raises(DataError, match="holds no tape"):
        read_tape(tmp_path / "nowhere")


def test_a_file_that_is_something_else_is_named(tmp_path):
    (tmp_path / "000001.tape").write_bytes(b"open,high,low,close\n" * 9)
    with pytest.raises(DataError, match="is no file of a tape"):
        read_tape(tmp_path)


def test_a_tape_of_another_format_is_named(tmp_path):
    beginning, _ = pack_header(FIRST_SEAL, FileHeader("2", 1, 1, HEADER))
    (tmp_path / "000001.tape").write_bytes(beginning)
    with pytest.raises(DataError, match="has tape format 2, this version reads 1"):
        read_tape(tmp_path)


def test_a_tape_of_other_markets_is_not_gone_on_with(tmp_path):
    record(tmp_path, FRAMES[:4])
    with pytest.raises(ConfigError, match=f"holds a tape of binance 1h {SYMBOL}, not of binance 5m {SYMBOL}"):
        TapeWriter(tmp_path, replace(HEADER, timeframe="5m"))
    assert recorded(tmp_path) == FRAMES[:4]


def test_one_folder_has_one_writer(tmp_path):
    writer = TapeWriter(tmp_path, HEADER)
    with pytest.raises(JournalError, match="in use by process"):
        TapeWriter(tmp_path, HEADER)
    writer.close()
    record(tmp_path, FRAMES[:1])


def test_a_disk_that_refuses_a_block_ends_the_tape_before_it(tmp_path, monkeypatch):
    writer = TapeWriter(tmp_path, HEADER, TapeLimits(block_inputs=1))
    writer.write(frame(0))
    file = writer._file
    space: list[int] = [30]

    class FullDisk:
        def write(self, data: bytes) -> int:
            if not space:
                raise OSError(28, "No space left on device")
            return file.write(data[: space.pop()])

        def close(self) -> None:
            file.close()

    monkeypatch.setattr(writer, "_file", FullDisk())
    with pytest.raises(StorageError, match=r"the disk refused .*000001\.tape \(No space left on device\)"):
        writer.write(frame(1))
    space += [10_000]
    with pytest.raises(StorageError, match="No space left on device"):
        writer.write(frame(2))
    writer.close()
    assert recorded(tmp_path) == [frame(0)]
    assert "30 bytes" in read_tape(tmp_path).remarks()[0]


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="the disk refused"):
        TapeWriter(tmp_path / "file" / "tape", HEADER)


def test_whole_numbers_of_a_venue_come_back_as_prices(tmp_path):
    items: list[AnyFeedInput] = [INPUTS[2]]
    record(tmp_path, items)
    ((*_, rows),) = [(one.at_ms, one.rows) for one in recorded(tmp_path) if hasattr(one, "rows")]
    assert all(isinstance(price, float) for row in rows for price in row[1:])
