"""The decision does not know in which world it runs (invariant 14)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
WORDS = re.compile(r"(?<![a-z])(paper|live|replay)(?![a-z])")
FOLDERS = ("bot/engine", "bot/core", "risk", "strategies")


def docstrings(tree: ast.AST) -> set[int]:
    """Ids of the nodes that explain, and decide nothing."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def spoken(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every name, text, argument and import of the code, with its line; not what explains it."""
    explaining = docstrings(tree)
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.arg(arg=word) | ast.alias(name=word):
                yield line, word
            case ast.FunctionDef(name=word) | ast.ClassDef(name=word) | ast.keyword(arg=str(word)):
                yield line, word
            case ast.ImportFrom(module=str(word)):
                yield line, word
            case ast.Constant(value=str(word)) if id(node) not in explaining:
                yield line, word
            case _:
                pass


def words(source: str) -> list[tuple[int, str]]:
    split = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
    return [
        (line, word)
        for line, word in spoken(ast.parse(source))
        if WORDS.search(split.sub("_", word).lower().replace("_", " "))
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_code_below_the_composition_root_speaks_of_a_mode(folder: str) -> None:
    """Invariant 14: paper, live and replay do not appear in the engine, core, risk or strategies."""
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    found = {str(path.relative_to(ROOT)): said for path in files if (said := words(path.read_text(encoding="utf-8")))}
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "is_live = True",
        "def replay_step(): ...",
        "class PaperEngine: ...",
        "mode = 'live'",
        "engine.run(paper=True)",
        "from bot.replay import replay",
        "if self.live: pass",
    ],
)
def test_a_mode_would_be_found(line: str) -> None:
    assert words(line)


@pytest.mark.parametrize("line", ['"""Where it runs live."""', "delivery = 1", "deliver, alive = 1, 2"])
def test_other_words_are_left_alone(line: str) -> None:
    assert not words(line)
