"""
Runs a model's graph on ONNX Runtime: float windows in, float outputs out.

An ONNX graph is data, not code. What protects its loading: the bytes were checked against a sha256 before they
got here; no library of custom operators is registered, so an unknown operator fails; and a graph that points at
files outside itself is refused. Knows nothing of bundles, features or forecasts.
"""

from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bot.core.errors import ModelError

_EXTERNAL_DATA_KEY: Final = b"location"
"""Every reference to a file outside a graph carries this key in plain bytes (onnx.proto, `external_data`)."""

_ERRORS_ONLY: Final = 3


class OnnxRuntime:
    """
    One loaded graph, called like a function.

    One thread, operators in sequence: a second thread gives the same median and a hundredfold tail, and the
    order of sums, so the bits, would depend on the number of cores.

    Args:
        graph: An ONNX file with one input `(B, T, F)` and one output `(B, K)`.

    Raises:
        ModelError: The graph cannot be loaded, points outside itself, or has other ends.
    """

    def __init__(self, graph: bytes) -> None:
        if _EXTERNAL_DATA_KEY in graph:
            raise ModelError(
                "the model's graph may refer to files outside its bundle: export it with its weights inside"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = _ERRORS_ONLY
        try:
            self._session: Any = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors have no common class below Exception.
            raise ModelError(f"the model's graph cannot be loaded by ONNX Runtime: {error}") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1 or len(inputs[0].shape) != 3 or len(outputs[0].shape) != 2:
            raise ModelError(
                "the model's graph must have one input (B, T, F) and one output (B, K), it has "
                f"{[item.shape for item in inputs]} and {[item.shape for item in outputs]}"
            )
        self._input: str = inputs[0].name
        self._outputs: list[str] = [outputs[0].name]

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """
        Run the graph on `(B, T, F)` float32 windows.

        Raises:
            ModelError: The graph refuses the windows, for example because of their shape.
        """
        try:
            answer: NDArray[np.float32] = self._session.run(self._outputs, {self._input: windows})[0]
        except Exception as error:  # As above.
            raise ModelError(f"the model's graph refused windows of {windows.shape}: {error}") from error
        return answer
