"""
One websocket of the exchange: what it listens to, what it asks for, and whether it is still there.

Speaks Binance's control messages and keeps the house rules. Knows nothing of markets.
"""

import asyncio
from typing import Any

import msgspec
from aiohttp import WSMsgType

from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import MishandleRequest
from bot.exchange.house_rules import POLICY_VIOLATION, HouseRules, MessageMeter
from bot.exchange.line import Line
from bot.exchange.occasions import Occasion
from bot.exchange.pace import Pace
from bot.exchange.wire import error_body
from bot.exchange.ws_pulse import Pulse

_WRONG_BY = 1_000_000
"""How far the id of an answer is off when the plan wants a wrong one."""


class _Request(msgspec.Struct):
    """A control message. `id` is what the answer repeats."""

    method: str
    params: list[str] = []
    id: int | str | None = None


class Subscriber:
    """
    A client of the streams.

    Args:
        line: The connection, whose pings and pongs arrive as messages.
        number: Which connection of the exchange it is.
        streams: Stream names of the address, subscribed from the start.
        rules: What is demanded of it.
        plan: What goes wrong between us.
        pace: The market's clock.
    """

    def __init__(
        self, line: Line, number: int, streams: list[str], rules: HouseRules, plan: FaultPlan, pace: Pace
    ) -> None:
        self.line = line
        self.number = number
        self._streams = dict.fromkeys(streams)
        self._rules = rules
        self._plan = plan
        self._pace = pace
        self._meter = MessageMeter(rules)
        self.pulse = Pulse(line, rules, plan, self._occasion)

    @property
    def streams(self) -> list[str]:
        """Names of the streams it listens to, oldest first."""
        return list(self._streams)

    def listens_to(self, stream: str) -> bool:
        """Whether events of `stream` go to it."""
        return stream in self._streams

    async def receive(self) -> bool:
        """Handle one message of the client; False when it has hung up, or was hung up on."""
        message = await self.line.websocket.receive()
        if message.type in {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}:
            self._note("closed by client", str(message.data))
            return False
        if self._meter.is_too_much(asyncio.get_running_loop().time()):
            return await self._throw_out("too many messages")
        if message.type is WSMsgType.TEXT or message.type is WSMsgType.BINARY:
            self._note("message in", str(message.data))
            await self._reply(message.data)
        elif message.type is WSMsgType.PING:
            self._note("ping in", repr(message.data))
            await self.line.pong(message.data)
        elif message.type is WSMsgType.PONG:
            self._note("pong in", repr(message.data))
            self.pulse.answered(message.data)
        if len(self._streams) > self._rules.streams:
            return await self._throw_out("too many streams")
        return True

    async def _reply(self, data: str | bytes) -> None:
        fault = self._plan.first(MishandleRequest, self._occasion())
        before = dict(self._streams)
        answer = self._answer(data)
        late_s = 0.0
        match fault.how if fault else None:
            case "silent":
                self._streams = before
                return
            case "error":
                self._streams = before
                answer = error_body(2, "Invalid request: it was not liked") | {"id": answer.get("id")}
            case "wrong id":
                answer["id"] = _WRONG_BY + answer["id"] if isinstance(answer.get("id"), int) else _WRONG_BY
            case "no data":
                self._streams = before
            case "late" if fault:
                late_s = self._pace.real_s(fault.late_ms)
        text = msgspec.json.encode(answer).decode()
        self._note("answer out", text)
        await self.line.say(text, late_s)

    async def _throw_out(self, why: str) -> bool:
        self._note("house rule broken", why)
        await self.line.hang_up(POLICY_VIOLATION, why)
        await self.line.closed()
        return False

    def _occasion(self) -> Occasion:
        return Occasion(self._pace.now_ms(), self.number)

    def _note(self, what: str, text: str = "") -> None:
        if not self._plan.is_idle:
            self._plan.log.tell(self._pace.now_ms(), what, text, self.number)

    def _answer(self, data: str | bytes) -> dict[str, Any]:
        """The answer to one control message, after having done what it asks."""
        try:
            request = msgspec.json.decode(data, type=_Request)
        except msgspec.ValidationError as error:
            return error_body(2, f"Invalid request: {error}")
        except msgspec.DecodeError as error:
            return error_body(3, f"Invalid JSON: {error}")
        result = None
        if request.method == "SUBSCRIBE":
            self._streams.update(dict.fromkeys(request.params))
        elif request.method == "UNSUBSCRIBE":
            for stream in request.params:
                self._streams.pop(stream, None)
        elif request.method == "LIST_SUBSCRIPTIONS":
            result = self.streams
        else:
            return error_body(2, f"Invalid request: unknown variant `{request.method}`") | {"id": request.id}
        return {"result": result, "id": request.id}
