"""A strategy of one's own comes from the file that was named, and from nowhere else."""

import os
import sys
from pathlib import Path

import pytest

from bot.core.errors import ConfigError
from strategies.loader import load_strategy
from strategies.strategy import MarketView

VIEW = MarketView(symbol="ETH/USDT", close_time_ms=0, close=2000.0, held=0.0, sigma=0.01, round_trip_bps=24.0)

HALF = """
from msgspec import Struct
from strategies.strategy import MarketView, Signal

class Half(Struct, frozen=True):
    level: float

    @property
    def needs_forecast(self) -> bool:
        return False

    def wanted(self, view: MarketView, forecast: object) -> Signal:
        return Signal(self.level, "half of everything")

def strategy() -> Half:
    return Half(0.5)
"""


def written(folder: Path, text: str, name: str = "own.py") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_that_defines_a_strategy_is_one(tmp_path: Path) -> None:
    strategy = load_strategy(written(tmp_path, HALF))
    assert not strategy.needs_forecast
    assert strategy.wanted(VIEW, None).exposure == 0.5


def test_neither_the_name_nor_the_folder_of_the_file_reaches_the_import_path(tmp_path: Path) -> None:
    before = list(sys.path)
    load_strategy(written(tmp_path, HALF, "risk.py"))
    assert sys.path == before
    assert sys.modules.get("risk") is None or sys.modules["risk"].__file__ != str(tmp_path / "risk.py")
    assert "own" not in sys.modules


def test_two_files_of_one_name_are_two_strategies(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first = load_strategy(written(tmp_path, HALF))
    second = load_strategy(written(tmp_path / "other", HALF.replace("0.5", "0.25")))
    assert [strategy.wanted(VIEW, None).exposure for strategy in (first, second)] == [0.5, 0.25]


def test_a_file_loaded_again_is_read_again_even_when_only_its_text_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = written(tmp_path, HALF)
    os.utime(path, (1, 1))
    load_strategy(path)
    written(tmp_path, HALF.replace("0.5", "0.4"))
    os.utime(path, (1, 1))
    assert load_strategy(path).wanted(VIEW, None).exposure == 0.4
    assert list(tmp_path.iterdir()) == [path]


def test_a_strategy_that_fails_later_shows_its_own_file(tmp_path: Path) -> None:
    strategy = load_strategy(written(tmp_path, HALF.replace("self.level,", "1 / 0,")))
    with pytest.raises(ZeroDivisionError) as raised:
        strategy.wanted(VIEW, None)
    assert raised.traceback[-1].path == tmp_path / "own.py"


@pytest.mark.parametrize("name", ["missing.py", "folder.py", "notes.txt"])
def test_what_is_not_a_python_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.py").mkdir()
    written(tmp_path, HALF, "notes.txt")
    with pytest.raises(ConfigError, match=f"{name} is not a Python file: name an existing file that ends in .py"):
        load_strategy(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def strategy(:\n", "own.py cannot be run: SyntaxError: "),
        ("import no_such_module_anywhere\n", "own.py cannot be run: ModuleNotFoundError: "),
        ("raise RuntimeError('boom')\n", "own.py cannot be run: RuntimeError: boom"),
        ("", r"own.py defines no strategy\(\): add a function of that name"),
        ("strategy = 3\n", r"own.py defines no strategy\(\)"),
        ("def strategy():\n    return 1 / 0\n", r"strategy\(\) in .*own.py failed: ZeroDivisionError: "),
        ("def strategy(required):\n    return None\n", r"strategy\(\) in .*own.py failed: TypeError: "),
        ("def strategy():\n    return None\n", "own.py returned NoneType, which is not a strategy"),
        (HALF.replace("return False", "return 'no'"), "own.py returned Half, which is not a strategy"),
        (HALF.replace("def wanted", "def level_of"), "own.py returned Half, which is not a strategy"),
    ],
)
def test_a_file_that_gives_no_strategy_is_refused_in_words(tmp_path: Path, text: str, sentence: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=sentence):
        load_strategy(path)


def test_a_file_that_cannot_be_run_leaves_no_module_behind(tmp_path: Path) -> None:
    before = set(sys.modules)
    with pytest.raises(ConfigError):
        load_strategy(written(tmp_path, "raise RuntimeError\n"))
    assert set(sys.modules) == before
