"""
Nothing is submitted that risk has not approved.

Two halves: only `risk/gate.py` makes an `Approved`, which the syntax tree of every shipped file shows; and only an
`Approved` can be submitted, which the type checker shows.
"""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bot", "strategies", "risk", "config")
MAKER = Path("risk/gate.py")
NAME = "Approved"


def names_it(node: ast.expr) -> bool:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=name):
            return name == NAME
        case _:
            return False


def makers(tree: ast.AST) -> list[int]:
    """
    Lines that make an `Approved`, or that hide its name so that a later line could.

    A call by name or attribute makes one. An import under another name, a name bound to the class, the class given to
    a call that is not `isinstance` (a decoder), and the name as a text given to a call (`getattr`) hide one.
    """
    lines: list[int] = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name == NAME:
                lines.append(node.lineno)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name))) if name == NAME:
                lines.append(node.lineno)
            case ast.Call(func=ast.Name(id="isinstance")):
                pass
            case ast.Call(args=arguments, keywords=keywords) if any(
                names_it(argument) for argument in (*arguments, *(keyword.value for keyword in keywords))
            ):
                lines.append(node.lineno)
            case ast.alias(name=name, asname=str()) if name == NAME:
                lines.append(node.lineno)
            case (
                ast.Assign(value=ast.expr() as value)
                | ast.AnnAssign(value=ast.expr() as value)
                | ast.NamedExpr(value=value)
            ) if names_it(value):
                lines.append(node.lineno)
            case _:
                pass
    return lines


def shipped_files() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def test_only_the_gate_makes_an_approved_intent() -> None:
    files = shipped_files()
    made = {
        path.relative_to(ROOT): lines
        for path in files
        if (lines := makers(ast.parse(path.read_text(encoding="utf-8"), str(path))))
    }
    assert len(files) >= 20, "the four packages were not found"
    assert list(made) == [MAKER], f"only {MAKER} may make an {NAME}: {made}"
    assert len(made[MAKER]) == 1


@pytest.mark.parametrize(
    "line",
    [
        "Approved(intent)",
        "orders.Approved(intent)",
        "command = SubmitOrder(Approved(intent=intent))",
        "from bot.core.orders import Approved as Fine",
        "make = Approved",
        "make = orders.Approved",
        "make: type = Approved",
        "(make := Approved)",
        "Approved.__new__(Approved)",
        "getattr(orders, 'Approved')(intent)",
        "msgspec.convert(fields, Approved)",
        "msgspec.msgpack.Decoder(type=orders.Approved)",
    ],
)
def test_every_way_around_the_gate_is_seen(line: str) -> None:
    assert makers(ast.parse(line)) == [1]


@pytest.mark.parametrize(
    "line",
    [
        "from bot.core.orders import Approved",
        "def submit(approved: Approved) -> Approved | Denied: ...",
        "isinstance(answer, Approved)",
        "match answer:\n    case Approved(intent): ...",
        "class SubmitOrder(Command):\n    approved: Approved",
    ],
)
def test_speaking_of_an_approved_intent_is_not_making_one(line: str) -> None:
    assert makers(ast.parse(line)) == []


ATTEMPT = """\
from bot.core.commands import SubmitOrder
from bot.core.orders import Approved, Denied, Intent


def allowed(approved: Approved) -> SubmitOrder:
    return SubmitOrder(approved)


def bare(intent: Intent) -> SubmitOrder:
    return SubmitOrder(intent)


def unasked(answer: Approved | Denied) -> SubmitOrder:
    return SubmitOrder(answer)
"""


def test_the_type_checker_lets_nothing_but_an_approved_intent_be_submitted(tmp_path: Path) -> None:
    attempt = tmp_path / "attempt.py"
    attempt.write_text(ATTEMPT, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-color-output", "--no-error-summary"]
    checked = subprocess.run(
        [*command, "--cache-dir", str(tmp_path / "cache"), str(attempt)],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 1, checked.stdout + checked.stderr
    expected = 'has incompatible type "{}"; expected "Approved"  [arg-type]'
    lines = checked.stdout.splitlines()
    assert [line.removeprefix("attempt.py:") for line in lines] == [
        f'10: error: Argument 1 to "SubmitOrder" {expected.format("Intent")}',
        f'14: error: Argument 1 to "SubmitOrder" {expected.format("Approved | Denied")}',
    ]
