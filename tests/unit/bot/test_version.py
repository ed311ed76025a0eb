import re
from hashlib import sha256
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from bot import version
from bot.version import code_version


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small copy of what decides, in place of our own."""
    for folder in ("bot/core", "bot/engine", "risk", "strategies", "strategies/forecasting"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "one.py").write_text(f"in {folder}")
    monkeypatch.setattr(version, "_ROOT", tmp_path)
    return tmp_path


def fresh() -> str:
    code_version.cache_clear()
    told = code_version()
    code_version.cache_clear()
    return told


def test_it_is_a_version_and_twelve_digits() -> None:
    assert re.fullmatch(r"\d+(\.\d+)*\+[0-9a-f]{12}", fresh())
    assert fresh() == fresh()


@pytest.mark.parametrize("folder", ["bot/core", "bot/engine", "risk", "strategies"])
def test_what_decides_changes_it(tree: Path, folder: str) -> None:
    before = fresh()
    (tree / folder / "one.py").write_text("otherwise")
    changed = fresh()
    (tree / folder / "two.py").write_text("")
    assert len({before, changed, fresh()}) == 3


def test_what_trains_does_not_change_it(tree: Path) -> None:
    before = fresh()
    (tree / "strategies/forecasting/one.py").write_text("otherwise")
    (tree / "bot/engine/notes.txt").write_text("no code")
    assert fresh() == before


def test_a_renamed_file_changes_it(tree: Path) -> None:
    before = fresh()
    (tree / "risk/one.py").rename(tree / "risk/other.py")
    assert fresh() != before


def test_code_that_is_not_installed_has_the_version_nought(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_installed(_name: str) -> str:
        raise PackageNotFoundError

    monkeypatch.setattr(version, "version", not_installed)
    assert fresh().startswith("0+")
    assert tree.is_dir()


def test_the_digits_are_of_names_and_contents_in_order(tree: Path) -> None:
    digest = sha256()
    for folder in ("bot/core", "bot/engine", "risk", "strategies"):
        digest.update(f"{folder}/one.py\nin {folder}".encode())
    assert fresh().endswith("+" + digest.hexdigest()[:12])
    assert tree.is_dir()
