"""What can be made to go wrong with the subscription to an account. Knows nothing of sockets."""

from bot.exchange.occasions import Fault


class EndStream(Fault, frozen=True, tag="end stream"):
    """At the next instant a connection's subscriptions end with `eventStreamTerminated`; the connection stays."""
