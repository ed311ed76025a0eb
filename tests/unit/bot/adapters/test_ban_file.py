"""A silence that is kept on the disk."""

import stat
from pathlib import Path

import pytest

from bot.adapters.ban_file import BanFile
from bot.core.errors import DataError, StorageError


def test_what_is_written_is_read_by_another_process(tmp_path: Path) -> None:
    path = tmp_path / "ban"
    BanFile(path).write(1_700_000_000_000)
    BanFile(path).write(1_700_000_123_456)
    assert BanFile(path).read() == 1_700_000_123_456
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_file_there_is_no_silence(tmp_path: Path) -> None:
    assert BanFile(tmp_path / "ban").read() == 0


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    BanFile(tmp_path / "ban").write(1)
    assert stat.S_IMODE((tmp_path / "ban").stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "soon", "-5", "1.5", "9" * 14, "{}"])
def test_a_file_that_holds_something_else_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "ban").write_text(text)
    with pytest.raises(DataError, match="ban holds no time"):
        BanFile(tmp_path / "ban").read()


def test_a_disk_that_refuses_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        BanFile(tmp_path / "missing" / "ban").write(1)
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="cannot be read"):
        BanFile(tmp_path / "folder").read()
