"""The two closed unions: frozen, all handled, and written and read back bit for bit (invariants 1 and 3)."""

import ast
import inspect
import textwrap
import typing
from collections.abc import Callable
from decimal import Decimal

import msgspec
import numpy as np
import pytest

from bot.core import commands
from bot.core.commands import AnyCommand, Command, Deed, Observation, RequestForecast
from bot.core.events import AnyEvent, Event
from bot.core.forecast import Doubt, Forecast
from bot.core.orders import Order, OrderStatus, OrderType, Side
from bot.engine.engine import Engine
from bot.pump import Pump
from tests.hourly_bars import BTC, T0, bar
from tests.made_orders import approve, fill, instrument, intent

EVENTS = typing.get_args(AnyEvent)
COMMANDS = typing.get_args(AnyCommand)


EXAMPLES: dict[str, Callable[[], object]] = {
    "int": lambda: T0,
    "str": lambda: "words",
    "float": lambda: 0.1 + 0.2,
    "Candle": lambda: bar(0, 1.1, 1.3, 1.0, 1.2, volume=0.1),
    "tuple[Candle, ...]": lambda: (bar(0, 1.1), bar(1, 1.2, filled=True)),
    "Fill": lambda: fill(Side.BUY, "0.10", "100.0", fee="1E-8"),
    "tuple[Forecast, ...]": lambda: (Forecast(BTC, 0.1, -0.2, -0.3, 0.1, 24.0),),
    "tuple[Instrument, ...]": lambda: (instrument(),),
    "Decimal": lambda: Decimal("100.00"),
    "dict[str, str]": lambda: {"b": "2", "a": "1"},
    "dict[str, Decimal]": lambda: {BTC: Decimal("0.10")},
    "Approved": lambda: approve(intent()),
    "tuple[Order, ...]": lambda: (
        Order(intent(Side.SELL, OrderType.STOP, stop="90.00"), OrderStatus.ACCEPTED, Decimal("0.10"), "v1"),
    ),
    "tuple[SubmitOrder | CancelOrder, ...]": lambda: (
        commands.CancelOrder("run00000a", BTC),
        commands.SubmitOrder(approve(intent())),
    ),
    "tuple[str, ...]": lambda: (BTC,),
    "float | None": lambda: None,
    "Verdict": lambda: commands.Verdict.HOLD,
    "Doubt": lambda: Doubt.CUT,
    "NDArray": lambda: np.zeros((1, 2, 3), dtype=np.float32),
}


def example(kind: type[Event] | type[Command]) -> object:
    def value(annotation: object) -> object:
        text = str(annotation) if not isinstance(annotation, type) else annotation.__name__
        if typing.get_origin(annotation) is not None:
            text = str(annotation).replace("bot.core.", "").replace("decimal.", "")
            for module in ("market.", "orders.", "forecast.", "events.", "commands."):
                text = text.replace(module, "")
        return EXAMPLES["NDArray" if "ndarray" in text else text]()

    hints = typing.get_type_hints(kind)
    made: object = kind(*[value(hints[name]) for name in kind.__struct_fields__])  # type: ignore[arg-type]
    return made


def handled(function: Callable[..., object]) -> tuple[list[str], bool]:
    """The classes that a function tells apart, and whether what is left ends in `assert_never`."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    found: list[str] = []
    closed = False
    for node in ast.walk(tree):
        match node:
            case ast.MatchClass(cls=ast.Name(id=name)):
                found.append(name)
            case ast.Compare(left=ast.Call(func=ast.Name(id="type")), comparators=[ast.Name(id=name)]):
                found.append(name)
            case ast.Call(func=ast.Name(id="assert_never")):
                closed = True
            case ast.match_case(guard=ast.expr()):
                pytest.fail("a guard makes an arm that does not always match")
            case _:
                pass
    return found, closed


def test_the_union_of_events_holds_every_event() -> None:
    """Invariant 1: nothing can reach the engine that its match does not know."""
    assert set(EVENTS) == set(Event.__subclasses__())


def test_the_union_of_commands_holds_every_command() -> None:
    """Invariant 1."""
    assert set(COMMANDS) == set(Command.__subclasses__())


@pytest.mark.parametrize("kind", [*EVENTS, *COMMANDS], ids=lambda kind: kind.__name__)
def test_every_event_and_command_is_frozen(kind: type[Event] | type[Command]) -> None:
    """Invariant 1: events, commands and values are frozen."""
    one = example(kind)
    with pytest.raises(AttributeError, match="immutable"):
        setattr(one, kind.__struct_fields__[0], None)


def test_the_engine_has_one_arm_for_each_event_and_ends_in_assert_never() -> None:
    """Invariant 1: a new event fails the type check until it is handled."""
    frequent, _ = handled(Engine.process)
    governing, closed = handled(Engine._govern)
    assert closed
    assert sorted([*frequent, *governing]) == sorted(kind.__name__ for kind in EVENTS)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_no_event_has_a_kind_below_it(kind: type[Event]) -> None:
    """Invariant 1: told apart by type, an event must be final, or the type check would prove nothing."""
    assert getattr(kind, "__final__", False)
    assert kind.__subclasses__() == []


def test_the_pump_has_a_place_for_each_command_and_ends_in_assert_never() -> None:
    """Invariant 1: a new command fails the type check until it is carried out."""
    arms, closed = handled(Pump._carry_out)
    assert closed
    tree = ast.parse(textwrap.dedent(inspect.getsource(Pump)))
    named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert set(arms) <= {kind.__name__ for kind in COMMANDS} <= named


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_every_event_carries_its_time_first(kind: type[Event]) -> None:
    """Invariant 3: every event carries `at_ms`."""
    assert kind.__struct_fields__[0] == "at_ms"
    assert typing.get_type_hints(kind)["at_ms"] is int


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_every_event_is_read_back_bit_for_bit(kind: type[Event]) -> None:
    """Invariant 2: what a journal holds is what happened."""
    one = example(kind)
    written = msgspec.msgpack.encode(one)
    again = msgspec.msgpack.decode(written, type=AnyEvent)
    assert again == one
    assert type(again) is kind
    assert msgspec.msgpack.encode(again) == written


@pytest.mark.parametrize(
    "kind", [kind for kind in COMMANDS if kind is not RequestForecast], ids=lambda kind: kind.__name__
)
def test_every_command_but_the_windows_is_read_back_bit_for_bit(kind: type[Command]) -> None:
    """Invariant 2."""
    one = example(kind)
    written = msgspec.msgpack.encode(one)
    again: object = msgspec.msgpack.decode(written, type=kind)
    assert again == one
    assert msgspec.msgpack.encode(again) == written


def test_deeds_and_observations_are_commands() -> None:
    members = {*typing.get_args(Deed), *typing.get_args(Observation)}
    assert members < set(COMMANDS)


def test_no_two_records_of_a_journal_share_a_tag() -> None:
    names = [kind.__struct_config__.tag for kind in (*EVENTS, *typing.get_args(Deed), *typing.get_args(Observation))]
    assert len(set(names)) == len(names)


def test_a_request_holds_its_windows_as_they_were() -> None:
    windows = np.zeros((1, 2, 3), dtype=np.float32)
    assert RequestForecast(T0, (BTC,), windows).windows is windows
