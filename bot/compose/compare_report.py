"""
Writes a comparison down: one JSON file for machines, one HTML file for people, both whole or not at all.

The page is made of the JSON alone.
"""

from pathlib import Path
from typing import Any, Final

import msgspec

from bot.compose.compare_keys import KEYS
from bot.compose.compare_run import Compared, CompareRequest
from bot.core.errors import StorageError
from bot.reporting.comparison_page import render_comparison

FORMAT: Final = 1
JSON_FILE: Final = "comparison.json"
PAGE_FILE: Final = "comparison.html"


def write_comparison(request: CompareRequest, compared: Compared, seconds: float) -> dict[str, Any]:
    """
    Write both files into the request's folder.

    Returns:
        What is in the JSON file.

    Raises:
        StorageError: The disk refused.
    """
    told = document(request, compared, seconds)
    _write(request.out / JSON_FILE, msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")
    _write(request.out / PAGE_FILE, render_comparison(told).encode())
    return told


def document(request: CompareRequest, compared: Compared, seconds: float) -> dict[str, Any]:
    """Everything about a comparison as plain values; `keys` says what they mean."""
    return {
        "format": FORMAT,
        "verdict": msgspec.to_builtins(compared.verdict),
        "settings": _settings(request),
        "candles": list(compared.candles),
        "data": compared.data,
        "tables": msgspec.to_builtins(compared.tables),
        "locked": _locked(compared),
        "fits": compared.fits,
        "kept": compared.kept,
        "seconds": round(seconds, 1),
        "keys": KEYS,
    }


def _locked(compared: Compared) -> dict[str, Any] | None:
    if compared.locked_verdict is None:
        return None
    return {
        "verdict": msgspec.to_builtins(compared.locked_verdict),
        "tables": msgspec.to_builtins(compared.locked),
        "openings": msgspec.to_builtins(compared.openings),
    }


def _settings(request: CompareRequest) -> dict[str, Any]:
    lengths, outside = request.course.lengths, request.outside
    return {
        "rows": list(request.rows),
        "folds": request.course.folds,
        "train_days": "all before" if lengths.train_days == float("inf") else lengths.train_days,
        "validation_days": lengths.validation_days,
        "test_days": lengths.test_days,
        "labels": msgspec.to_builtins(request.rules),
        "seeds": list(request.seeds),
        "epochs": request.epochs,
        "window": request.window,
        "scaler": request.scaler,
        "signal": msgspec.to_builtins(request.signal),
        "lowest_exposure": request.lowest,
        "best_hit_rate": request.best_hit_rate,
        "outside_columns": list(outside.beside.names) if outside is not None else [],
        "outside_rows": msgspec.to_builtins(outside.groups) if outside is not None else [],
    }


def _write(path: Path, data: bytes) -> None:
    unfinished = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}; name another --out") from error
