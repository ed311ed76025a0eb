"""What the order tracker answers with: events for the engine, requests to the venue, notes for the log."""

from msgspec import Struct

from bot.adapters.order_messages import AnyOrderRequest
from bot.core.events import AnyEvent


class Foreign(Struct, frozen=True, tag=True):
    """
    An order in our markets that the books do not know. Told once, and left alone.

    `has_our_name` says that its id begins like those of this run: an earlier process sent it and gave it up for lost.
    It is taken back.
    """

    symbol: str
    client_order_id: str
    venue_order_id: str
    has_our_name: bool


OrderOutput = AnyEvent | AnyOrderRequest | Foreign
