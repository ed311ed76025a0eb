"""
What goes wrong with one request on the WebSocket API, from the rules that strike it to what is sent.

Pure but for the plan, which counts. Knows nothing of sockets and methods.
"""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from bot.exchange.edits import edited
from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import Latency, MishandleRequest, RefuseRequest
from bot.exchange.occasions import Occasion
from bot.exchange.refusals import Limited
from bot.exchange.rest_faults import RewriteAnswer
from bot.exchange.wire import Refusal
from bot.exchange.ws_protocol import ApiAnswer, refused, text_of

_WRONG_BY: Final = 1_000_000
"""How far the id of an answer is off when the plan wants a wrong one."""

_UNKNOWN: Final = Refusal(-1000, "An unknown error occurred while processing the request.", 500)
_NOT_DONE: Final = ("silent", "error", "no data")


class Mishaps(Struct, frozen=True):
    """The rules that strike one request, and how much longer its answer takes in market time."""

    refusal: RefuseRequest | None = None
    handling: MishandleRequest | None = None
    rewrites: tuple[RewriteAnswer, ...] = ()
    late_ms: float = 0.0

    @property
    def is_undone(self) -> bool:
        """Whether what is asked for is not done, whatever the answer says."""
        if self.refusal is not None and self.refusal.phase == "before":
            return True
        return self.handling is not None and self.handling.how in _NOT_DONE

    def spoiled(self, answer: ApiAnswer, now_ms: int) -> ApiAnswer | None:
        """What is answered in place of an answer; None for nothing at all."""
        if self.refusal is not None:
            return refused(answer.id, _refusal(self.refusal), now_ms)
        match self.handling.how if self.handling else None:
            case "silent":
                return None
            case "error":
                return refused(answer.id, _UNKNOWN, now_ms)
            case "wrong id":
                return replace(answer, id=_WRONG_BY + answer.id if isinstance(answer.id, int) else _WRONG_BY)
        return answer

    def text(self, answer: ApiAnswer) -> str:
        """An answer as it is sent, with other fields than it should have."""
        text = text_of(answer)
        for rewrite in self.rewrites:
            text = edited(text, rewrite.edit)
        return text


def mishaps(plan: FaultPlan, occasion: Occasion) -> Mishaps:
    """What strikes a request; its method is the endpoint of the occasion."""
    handling = plan.first(MishandleRequest, occasion)
    late_ms = sum(rule.ms + rule.jitter_ms * plan.dice.random() for rule in plan.every(Latency, occasion))
    if handling is not None and handling.how == "late":
        late_ms += handling.late_ms
    return Mishaps(plan.first(RefuseRequest, occasion), handling, tuple(plan.every(RewriteAnswer, occasion)), late_ms)


def _refusal(rule: RefuseRequest) -> Refusal:
    text = rule.text or str(_UNKNOWN)
    if rule.retry_after_s is None:
        return Refusal(rule.code, text, rule.status)
    return Limited(rule.code, text, rule.status, rule.retry_after_s)
