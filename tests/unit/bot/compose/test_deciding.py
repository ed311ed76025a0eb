"""What decides a fit beside its task: the code that it reaches, the libraries, the machine."""

from pathlib import Path

import pytest

from bot.compose.deciding import FIT, TRIAL, WALK, code_print, made_print, made_with, studied_with
from bot.core.errors import ConfigError

LAB = "strategies/lab"
MODULE = "strategies.lab.fitting"


def program(folder: Path, **changed: str) -> Path:
    files = {
        "fitting": "from strategies.lab import rows\n\ndef fit():\n    from strategies.lab.nets import net\n",
        "rows": "TREES = 100\n",
        "nets": "from bot.core.errors import DataError\n\ndef net():\n    return 1\n",
        "page": "TITLE = 'a page'\n",
        **changed,
    }
    (folder / LAB).mkdir(parents=True)
    (folder / "bot/core").mkdir(parents=True)
    (folder / "bot/core/errors.py").write_text(files.pop("errors", "class DataError(Exception): ...\n"))
    for name, text in files.items():
        (folder / LAB / f"{name}.py").write_text(text)
    return folder


@pytest.mark.parametrize(
    "changed",
    [
        {"rows": "TREES = 20_000\n"},
        {"nets": "from bot.core.errors import DataError\n\ndef net():\n    return 2\n"},
        {"errors": "class DataError(ValueError): ...\n"},
    ],
    ids=["a constant", "what a function imports", "the core"],
)
def test_a_change_of_what_a_fit_reaches_changes_its_print(tmp_path: Path, changed: dict[str, str]) -> None:
    before, after = program(tmp_path / "a"), program(tmp_path / "b", **changed)

    assert code_print(MODULE, before) != code_print(MODULE, after)


@pytest.mark.parametrize(
    "changed",
    [{"page": "TITLE = 'another'\n"}, {"rows": '"""Rows."""\n\n# So many.\nTREES = 100\n'}],
    ids=["a page", "words"],
)
def test_a_page_and_words_change_no_print(tmp_path: Path, changed: dict[str, str]) -> None:
    before, after = program(tmp_path / "a"), program(tmp_path / "b", **changed)

    assert code_print(MODULE, before) == code_print(MODULE, after)


def test_code_without_its_source_has_no_print(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not under"):
        code_print(MODULE, tmp_path)


def test_every_kind_of_fit_has_code_of_its_own() -> None:
    assert len({code_print(module) for module in (FIT, TRIAL, WALK)}) == 3


def test_another_setting_of_the_backend_is_another_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    before, folder = made_with(FIT), made_print(FIT)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")

    assert set(made_with(FIT)) - set(before) == {"onednn 0"}
    assert made_print(FIT) != folder


def test_what_is_said_without_the_backend_is_what_the_backend_says() -> None:
    pytest.importorskip("tensorflow")
    from strategies.forecasting.backend import environment

    told = environment(1)
    # The threads stand in the plan, and nobody can switch XLA on.
    expected = {f"{name} {value}" for name, value in told.items() if name not in ("threads", "xla")}
    assert expected <= set(made_with(FIT))
    assert "cpu" not in studied_with(TRIAL)
