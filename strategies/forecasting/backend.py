"""
Starts TensorFlow: quietly, with a stated number of threads, and says what it is.

TensorFlow reads its environment when it is imported and fixes its threads when it first computes, so this module
is imported before any other that names it.
"""

import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__all__ = ["environment", "keras", "tf", "use_threads"]

_STDERR: Final = 2


@contextmanager
def _start_up_chatter_withheld() -> Iterator[None]:
    """Keep what native code writes to stderr; show it only if the import fails."""
    sys.stderr.flush()
    shown = os.dup(_STDERR)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), _STDERR)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(shown, kept.read())
            raise
        finally:
            os.dup2(shown, _STDERR)
            os.close(shown)


with _start_up_chatter_withheld():
    import keras
    import tensorflow as tf

import numpy as np

from bot.core.errors import ConfigError
from strategies.forecasting.machine import cpu_name


def use_threads(threads: int) -> None:
    """
    Make TensorFlow compute with this many threads.

    Raises:
        ConfigError: It already computes with another number; that cannot be changed within a process.
    """
    if tf.config.threading.get_intra_op_parallelism_threads() == threads:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:
        raise ConfigError(
            f"TensorFlow already runs in this process with another number of threads than {threads}: "
            "train in a process of its own"
        ) from None


def environment(threads: int) -> dict[str, str]:
    """Everything beside seed and data that decides the bits of the weights."""
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "threads": str(threads),
        "xla": "off",
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1"),
        "machine": platform.machine(),
        "cpu": cpu_name(),
    }
