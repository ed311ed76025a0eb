"""
Processes that fit networks: TensorFlow lives and dies with them, and none outlives the one that began it.

Knows nothing of what is fitted.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing import get_context, parent_process
from multiprocessing.context import SpawnContext
from threading import Thread

from bot.core.errors import ConfigError


def fit_context() -> SpawnContext:
    """How such processes begin: spawned, not forked, because TensorFlow's threads do not survive a fork."""
    return get_context("spawn")


def require_tensorflow() -> None:
    """
    Make sure that networks can be fitted, without importing what fits them.

    Raises:
        ConfigError: TensorFlow is not installed.
    """
    if find_spec("tensorflow") is None:
        raise ConfigError("training needs TensorFlow, which is not installed: pip install 'candlewick[train]'")


def usual_jobs() -> int:
    """How many fit side by side where nobody says: 2, or 1 on one core."""
    return min(2, os.cpu_count() or 1)


@contextmanager
def fit_pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Run fits in so many processes of their own."""
    with ProcessPoolExecutor(jobs, mp_context=fit_context(), initializer=end_with_parent) as pool:
        yield pool


def end_with_parent() -> None:
    """Let this process end when its parent is killed: it would otherwise wait for the next task for ever."""
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    Thread(target=watch, daemon=True).start()
