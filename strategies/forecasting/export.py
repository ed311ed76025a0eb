"""
Turns a fitted Keras network into an ONNX graph, and checks that the graph is nothing but arithmetic.

The LSTM stays rolled, so that ONNX Runtime gets one fused node; the number of windows in a call stays open. The
onnx package is needed here and nowhere else. The exporter names and orders its nodes by Python's hash seed, so two
exports of one network compute the same and need not have the same bytes: the weights have a sha256 of their own.
This module imports TensorFlow; only training does.
"""

import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any, Final

from bot.core.errors import ModelError
from strategies.forecasting.backend import keras

OPERATORS: Final = frozenset(
    {
        "Add",
        "AveragePool",
        "Cast",
        "Concat",
        "Constant",
        "ConstantOfShape",
        "Conv",
        "Expand",
        "Gather",
        "Gemm",
        "Identity",
        "LSTM",
        "MatMul",
        "MaxPool",
        "Mul",
        "Pad",
        "ReduceMean",
        "Relu",
        "Reshape",
        "Shape",
        "Slice",
        "Squeeze",
        "Sub",
        "Transpose",
        "Unsqueeze",
    }
)
"""All that a network may be made of. None of them reads files, loops, branches or draws random numbers."""


def export_graph(network: keras.Model) -> bytes:
    """
    Give the network as an ONNX file.

    Raises:
        ModelError: The graph holds an operator that it should not, keeps data outside itself, or lost its LSTM.
    """
    graph = to_onnx(network)
    check_graph(graph, with_lstm=_has_lstm(network))
    return graph


def export_with_objection(network: keras.Model) -> tuple[bytes, str]:
    """Give the network as an ONNX file, and what `export_graph` would say against it; nothing if it would not."""
    graph = to_onnx(network)
    try:
        check_graph(graph, with_lstm=_has_lstm(network))
    except ModelError as error:
        return graph, str(error)
    return graph, ""


def to_onnx(network: keras.Model) -> bytes:
    """Give the network as an ONNX file, whatever it is made of."""
    _, window, features = network.input_shape
    signature = [keras.InputSpec(shape=(None, window, features), dtype="float32", name="window")]
    loudness = logging.getLogger("tf2onnx").level
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            # tf2onnx uses names that numpy and protobuf are about to drop; nothing that a user can mend.
            warnings.simplefilter("ignore")
            path = Path(folder) / "model.onnx"
            network.export(path, format="onnx", input_signature=signature, verbose=False)
            return path.read_bytes()
    finally:
        logging.getLogger("tf2onnx").setLevel(loudness)


def check_graph(graph: bytes, *, with_lstm: bool = True) -> None:
    """
    Check that a graph is plain arithmetic with its weights inside, and its LSTM, if it has one, fused.

    Raises:
        ModelError: It is not; the message names the operator or tensor.
    """
    import onnx

    model: Any = onnx.load_from_string(graph)
    found = {node.op_type for node in model.graph.node}
    foreign = found - OPERATORS
    if foreign or any(node.domain not in ("", "ai.onnx") for node in model.graph.node):
        raise ModelError(
            f"the exported graph holds operators that are not allowed: {sorted(foreign) or 'a foreign domain'}"
        )
    if model.functions or (with_lstm and "LSTM" not in found):
        raise ModelError(f"the exported graph has no fused LSTM, only {sorted(found)}: the exporter has changed")
    for tensor in model.graph.initializer:
        if tensor.external_data:
            raise ModelError(f"the exported graph keeps {tensor.name} in another file")


def _has_lstm(network: keras.Model) -> bool:
    return any(isinstance(layer, keras.layers.LSTM) for layer in network.layers)
