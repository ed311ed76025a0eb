from pathlib import Path

import numpy as np
import pytest

from bot.adapters.model_runtime import OnnxRuntime
from bot.core.errors import ModelError

GRAPH = Path(__file__).parents[4] / "strategies/forecasting/bundles/demo/model.onnx"


@pytest.fixture(scope="module")
def runtime() -> OnnxRuntime:
    return OnnxRuntime(GRAPH.read_bytes())


def windows(count: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((count, 60, 25)).astype(np.float32)


def test_it_answers_two_numbers_for_each_window(runtime: OnnxRuntime) -> None:
    answers = runtime(windows(5))

    assert answers.shape == (5, 2)
    assert answers.dtype == np.float32
    assert np.isfinite(answers).all()


def test_a_window_has_the_same_bits_alone_and_in_company(runtime: OnnxRuntime) -> None:
    batch = windows(32)

    assert np.concatenate([runtime(batch[at : at + 1]) for at in range(32)]).tobytes() == runtime(batch).tobytes()


def test_a_file_that_is_no_graph_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot be loaded by ONNX Runtime"):
        OnnxRuntime(b"not a graph")


def test_a_graph_that_may_point_outside_itself_is_refused() -> None:
    with pytest.raises(ModelError, match="files outside its bundle"):
        OnnxRuntime(GRAPH.read_bytes() + b"location")


def test_windows_of_another_shape_are_refused_in_words(runtime: OnnxRuntime) -> None:
    with pytest.raises(ModelError, match=r"refused windows of \(1, 60, 24\)"):
        runtime(np.zeros((1, 60, 24), dtype=np.float32))
