"""What a study is, and what another one is told."""

from pathlib import Path

import pytest

from bot.adapters.study_folder import DEFINITION, agree, write_whole
from bot.core.errors import ConfigError, StorageError

STUDY = {"candles": "ab", "folds": 3, "train_days": 730.0, "space": {"window": "(20, 40)"}}


def test_the_same_study_is_gone_on_with(tmp_path: Path) -> None:
    agree(tmp_path / "study", STUDY)
    agree(tmp_path / "study", dict(STUDY))


@pytest.mark.parametrize("name", list(STUDY))
def test_another_study_is_refused_with_what_differs(tmp_path: Path, name: str) -> None:
    agree(tmp_path, STUDY)

    with pytest.raises(ConfigError, match=f"holds another study: its {name.replace('_', ' ')} is"):
        agree(tmp_path, STUDY | {name: 9})


def test_a_study_of_another_version_is_refused(tmp_path: Path) -> None:
    agree(tmp_path, STUDY | {"more": 1})

    with pytest.raises(ConfigError, match="its more is 1, not None"):
        agree(tmp_path, STUDY)


def test_a_damaged_definition_is_named(tmp_path: Path) -> None:
    (tmp_path / DEFINITION).write_bytes(b"{")

    with pytest.raises(StorageError, match=r"definition\.json cannot be read"):
        agree(tmp_path, STUDY)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StorageError, match="the disk refused"):
        agree(tmp_path / "file" / "study", STUDY)


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    write_whole(tmp_path / "one", b"first")
    write_whole(tmp_path / "one", b"second")

    assert [path.name for path in tmp_path.iterdir()] == ["one"]
    assert (tmp_path / "one").read_bytes() == b"second"
