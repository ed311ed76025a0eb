"""The version of a set of features: of its arithmetic and its names, and of nothing else."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from bot.core.errors import ModelError
from strategies.forecasting.definition import version_of
from strategies.forecasting.features import NAMES, SHIPPED, step
from tests.unit.strategies.forecasting.feature_histories import ROOT

SOURCE = """
from math import log

LENGTH = 3


def half(value):
    return value / 2.0


def step(state, open_, high, low, close, volume, open_time_ms, row):
    row[0] = half(log(close)) * LENGTH
"""


def written(folder: Path, source: str) -> ModuleType:
    """A module loaded from a file of its own, always by the same name."""
    path = folder / f"features_{len(list(folder.iterdir()))}.py"
    path.write_text(source, encoding="utf-8")
    spec = spec_from_file_location("own_features", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("    row[0]", "    # Why.\n    row[0]"),
        ("    return value", '    """Say what."""\n    return value'),
        ("    return value", '    """\n    Say what.\n\n    At length.\n    """\n\n    return value'),
        ("LENGTH = 3", "UNUSED = 4\nLENGTH = 3"),
    ],
)
def test_a_version_does_not_depend_on_words_about_the_definition(tmp_path: Path, part: str, words: str) -> None:
    version = version_of(written(tmp_path, SOURCE).step, ("x",))
    assert version_of(written(tmp_path, SOURCE.replace(part, words)).step, ("x",)) == version


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ("LENGTH = 3", "LENGTH = 4"),
        ("LENGTH = 3", "LENGTH = 3.0"),
        ("value / 2.0", "value / 2.5"),
        ("row[0] = half", "row[0] = -half"),
        ("import log", "import log2 as log"),
    ],
)
def test_a_version_changes_with_the_arithmetic(tmp_path: Path, part: str, changed: str) -> None:
    version = version_of(written(tmp_path, SOURCE).step, ("x",))
    assert version_of(written(tmp_path, SOURCE.replace(part, changed)).step, ("x",)) != version


def test_a_version_changes_with_the_names_of_the_columns(tmp_path: Path) -> None:
    module = written(tmp_path, SOURCE)
    assert version_of(module.step, ("x",)) != version_of(module.step, ("y",))


def test_a_step_that_reaches_more_than_functions_and_numbers_has_no_version(tmp_path: Path) -> None:
    module = written(tmp_path, SOURCE.replace("LENGTH = 3", "LENGTH = [3]"))
    with pytest.raises(ModelError, match="step uses LENGTH"):
        version_of(module.step, ("x",))
    with pytest.raises(ModelError, match="plain function of a module"):
        version_of(len, ("x",))


def test_a_step_whose_source_is_gone_has_no_version() -> None:
    known: dict[str, object] = {"__name__": "gone"}
    exec(compile(SOURCE, "/nowhere/gone.py", "exec"), known)  # noqa: S102
    with pytest.raises(ModelError, match=r"install the \.py files"):
        version_of(known["step"], ("x",))


def test_the_shipped_version_is_that_of_its_definition_in_every_process() -> None:
    code = (
        "import sys; from strategies.forecasting.features import SHIPPED; import strategies.forecasting.feature_matrix;"
        "print(SHIPPED.version, *sorted({'numba', 'pandas', 'pyarrow', 'tensorflow'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == [version_of(step, NAMES)] == [SHIPPED.version]
