"""
One websocket of the WebSocket API: its requests and their answers, its events, and whether it is still there.

What a request means is decided in `ws_session`, what goes wrong in `ws_mishaps` and `ws_faults`.
"""

from collections import deque
from collections.abc import Coroutine
from typing import Any, Final

from aiohttp import WSMsgType

from bot.exchange.account_faults import EndStream
from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faulty_stream import GOING_AWAY, Said
from bot.exchange.house_rules import POLICY_VIOLATION, HouseRules
from bot.exchange.line import Line
from bot.exchange.occasions import Occasion
from bot.exchange.trade_desk import Trading
from bot.exchange.user_stream import Event, stream_terminated, wrapped
from bot.exchange.wire import Refusal
from bot.exchange.ws_faults import ENDPOINT, FaultyAccountStream
from bot.exchange.ws_mishaps import Mishaps, mishaps
from bot.exchange.ws_protocol import ApiAnswer, ApiRequest, granted, read_request, refused, text_of, with_usage
from bot.exchange.ws_pulse import Pulse
from bot.exchange.ws_refusals import Malformed, SessionRevoked
from bot.exchange.ws_session import RETURN_LIMITS, Done, Session, weight_of

_BANNED: Final = 418
_USED_WEIGHT: Final = "X-MBX-USED-WEIGHT"
_NOTHING: Final = Mishaps()


class ApiClient:
    """
    A client of the WebSocket API.

    Args:
        line: The connection, which does not wait for its client; its pings and pongs arrive as messages.
        number: Which connection of the exchange it is.
        trading: The accounts and keys.
        rules: What is demanded of it.
        plan: What goes wrong between us.
        said: The last events to anybody, oldest first.
        tells_limits: Whether answers say what is used up, unless a request wants it otherwise.
    """

    def __init__(
        self,
        line: Line,
        number: int,
        trading: Trading,
        rules: HouseRules,
        plan: FaultPlan,
        said: deque[Said],
        *,
        tells_limits: bool,
    ) -> None:
        self.line = line
        self.number = number
        self.session = Session(trading.keys)
        self.pulse = Pulse(line, rules, plan, self._occasion)
        self._trading = trading
        self._pace = trading.pace
        self._plan = plan
        self._tells_limits = tells_limits
        self._since_ms = self._pace.now_ms()
        self._stream = FaultyAccountStream(plan, line, self._pace, number, said)

    async def receive(self) -> bool:
        """Handle one message of the client; False when it has hung up, or was hung up on."""
        message = await self.line.websocket.receive()
        if message.type in {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}:
            self._note("closed by client", str(message.data))
            return False
        if message.type is WSMsgType.PING:
            self._note("ping in", repr(bytes(message.data)))
            await self.line.pong(message.data)
        elif message.type is WSMsgType.PONG:
            self._note("pong in", repr(bytes(message.data)))
            self.pulse.answered(message.data)
        else:
            return await self._reply(message.data)
        return True

    def tell(self, account: str, event: Event) -> None:
        """Send what has happened to an account, if the client listens to it."""
        number = self.session.subscriptions.of(account)
        if number is not None:
            self._tell(number, event)

    def lose(self, api_key: str) -> None:
        """End what was subscribed with a key that is no longer good."""
        self._terminate(self.session.lose(api_key))

    def end(self, account: str) -> None:
        """End the subscription to an account, if there is one."""
        self._terminate(self.session.end(account))

    async def live(self, at_ms: int, lifetime_ms: float) -> None:
        """Let an instant pass: a connection ends when it is `lifetime_ms` old, or when the plan wants it."""
        if at_ms - self._since_ms >= lifetime_ms:
            await self.line.hang_up(GOING_AWAY, "24 hours are over")
        if self._plan.is_idle:
            return
        if self._plan.first(EndStream, self._occasion(at_ms=at_ms)):
            for account, _ in tuple(self.session.subscriptions.active.values()):
                self.end(account)
        await self._stream.live(at_ms)

    async def _reply(self, data: str | bytes) -> bool:
        """Answer one request; False when the client is hung up on."""
        now_ms = self._pace.now_ms()
        try:
            request = read_request(data)
        except Malformed as refusal:
            self._note("message in", "no request")
            await self._answer(refused(refusal.request_id, refusal, now_ms), _NOTHING)
            return True
        self._note("message in", request.method)
        amiss = _NOTHING if self._plan.is_idle else mishaps(self._plan, self._occasion(request.method))
        before = self.session.subscriptions
        answer, ended = self._do(request, now_ms)
        if amiss.is_undone:
            self.session.subscriptions = before
        else:
            self._terminate(ended)
        return await self._answer(self._with_limits(answer, request), amiss)

    def _do(self, request: ApiRequest, now_ms: int) -> tuple[ApiAnswer, tuple[int, ...]]:
        try:
            self._trading.meter.enter(weight_of(request.method), now_ms)
            done: Done = self.session.do(request, now_ms)
        except SessionRevoked as refusal:
            return refused(None, refusal, now_ms), ()
        except Refusal as refusal:
            return refused(request.id, refusal, now_ms), ()
        return granted(request.id, done.result), done.ended

    async def _answer(self, right: ApiAnswer, amiss: Mishaps) -> bool:
        answer = amiss.spoiled(right, self._pace.now_ms())
        if answer is None:
            return True
        text = amiss.text(answer)
        self._note("answer out", text)
        await self.line.say(text, self._pace.real_s(amiss.late_ms) if amiss.late_ms else 0.0)
        if answer.status != _BANNED:
            return True
        await self.line.hang_up(POLICY_VIOLATION, "disconnected")
        await self.line.closed()
        return False

    def _with_limits(self, answer: ApiAnswer, request: ApiRequest) -> ApiAnswer:
        wanted = request.params.get(RETURN_LIMITS, "true" if self._tells_limits else "false")
        if wanted == "false":
            return answer
        used = int(self._trading.meter.headers(self._pace.now_ms())[_USED_WEIGHT])
        return with_usage(answer, self._trading.limits.weight, used)

    def _terminate(self, subscriptions: tuple[int, ...]) -> None:
        for number in subscriptions:
            self._tell(number, stream_terminated(self._pace.now_ms()))

    def _tell(self, number: int, event: Event) -> None:
        text = text_of(wrapped(event, number))
        if self._plan.is_idle:
            _at_once(self.line.say(text))
        else:
            client_id = event.get("C") or event.get("c", "")
            occasion = Occasion(
                self._pace.now_ms(), self.number, event.get("s", ""), endpoint=event["e"], client_id=client_id
            )
            _at_once(self._stream.send(event["e"], text, occasion))

    def _occasion(self, endpoint: str = ENDPOINT, at_ms: int | None = None) -> Occasion:
        return Occasion(self._pace.now_ms() if at_ms is None else at_ms, self.number, endpoint=endpoint)

    def _note(self, what: str, text: str = "") -> None:
        if not self._plan.is_idle:
            self._plan.log.tell(self._pace.now_ms(), what, text, self.number)


def _at_once(words: Coroutine[Any, Any, None]) -> None:
    """
    Say something before anybody else has a turn, so that what happens is told before it is answered for.

    Raises:
        RuntimeError: It has to wait for something, which a line that does not wait for its client never does.
    """
    try:
        words.send(None)
    except StopIteration:
        return
    words.close()
    raise RuntimeError("an event of an account cannot wait for its listener")
