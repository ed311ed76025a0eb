"""Names the processor: the bits of a network's sums may depend on it, so errors and bundles say which one it was."""

import platform
from pathlib import Path


def cpu_name() -> str:
    """Give the processor's model where the system tells it (Linux), else what Python knows of it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
