"""
Every "no" that the exchange can say about an order or a request: Binance's code, its words and the HTTP status.

Codes and words are those of Binance's public list of errors; where the list gives words without a code, the code is
the one that users have reported. Knows nothing of when a refusal is due.
"""

from typing import Final

from bot.exchange.wire import Refusal

DECIMAL: Final = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
INTEGER: Final = "^[0-9]{1,20}$"
CLIENT_ID: Final = "^[a-zA-Z0-9-_]{1,36}$"
SIGNATURE: Final = "^[A-Fa-f0-9]{64}$"
"""The legal ranges that Binance quotes when a parameter is outside of them."""

_UNAUTHORIZED: Final = 401
_TOO_MANY: Final = 429
_BANNED: Final = 418


class Limited(Refusal):
    """A refusal that says how long to be silent: `retry_after_s` belongs into the header `Retry-After`."""

    def __init__(self, code: int, text: str, status: int, retry_after_s: int) -> None:
        super().__init__(code, text, status)
        self.retry_after_s = retry_after_s


def too_much_weight(limit: int, per: str, retry_after_s: int) -> Limited:
    """The weight of an address is used up."""
    text = f"Too much request weight used; current limit is {limit} request weight per {per}. "
    return Limited(-1003, text + _POLL, _TOO_MANY, retry_after_s)


def too_many_requests(limit: int, per: str, retry_after_s: int) -> Limited:
    """The number of requests of an address is used up."""
    return Limited(
        -1003, f"Too many requests; current limit is {limit} requests per {per}. {_POLL}", _TOO_MANY, retry_after_s
    )


def banned(until_ms: int, retry_after_s: int) -> Limited:
    """An address that did not stop when told to."""
    text = f"Way too much request weight used; IP banned until {until_ms}. "
    return Limited(-1003, text + "Please use WebSocket Streams for live updates to avoid bans.", _BANNED, retry_after_s)


def too_many_orders(limit: int, per: str, retry_after_s: int) -> Limited:
    """The account has too many orders that nobody has filled."""
    return Limited(-1015, f"Too many new orders; current limit is {limit} orders per {per}.", _TOO_MANY, retry_after_s)


_POLL: Final = "Please use WebSocket Streams for live updates to avoid polling the API."


def too_late() -> Refusal:
    """A timestamp before the window."""
    return Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")


def too_early() -> Refusal:
    """A timestamp from the future."""
    return Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


def bad_window() -> Refusal:
    """A `recvWindow` above a minute."""
    return Refusal(-1131, "recvWindow must be less than 60000")


def bad_signature() -> Refusal:
    """A signature that does not belong to the request."""
    return Refusal(-1022, "Signature for this request is not valid.")


def no_key() -> Refusal:
    """A request without a key."""
    return Refusal(-2014, "API-key format invalid.", _UNAUTHORIZED)


def rejected_key() -> Refusal:
    """A key that is unknown, used from elsewhere, or not allowed to do this."""
    return Refusal(-2015, "Invalid API-key, IP, or permissions for action.", _UNAUTHORIZED)


def illegal(name: str, legal: str) -> Refusal:
    """A parameter outside of its legal range, a too long one as well."""
    return Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def duplicate_parameter() -> Refusal:
    """A parameter that was sent twice."""
    return Refusal(-1101, "Duplicate values for a parameter detected.")


def missing(name: str) -> Refusal:
    """A parameter that must be there."""
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def one_missing(first: str, second: str) -> Refusal:
    """Two parameters, one of which must be there."""
    return Refusal(-1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")


def unread(read: int, sent: int) -> Refusal:
    """Parameters that the endpoint does not know."""
    return Refusal(-1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.")


def not_required(name: str) -> Refusal:
    """A parameter that this type of order does not have."""
    return Refusal(-1106, f"Parameter '{name}' sent when not required.")


def too_precise(name: str) -> Refusal:
    """More digits after the point than the asset has."""
    return Refusal(-1111, f"Parameter '{name}' has too much precision.")


def bad_time_in_force() -> Refusal:
    """No time in force."""
    return Refusal(-1115, "Invalid timeInForce.")


def bad_kind() -> Refusal:
    """No type of order."""
    return Refusal(-1116, "Invalid orderType.")


def bad_side() -> Refusal:
    """Neither BUY nor SELL."""
    return Refusal(-1117, "Invalid side.")


def bad_symbol() -> Refusal:
    """A market that is not listed."""
    return Refusal(-1121, "Invalid symbol.")


def long_lookup() -> Refusal:
    """More than a day between two times."""
    return Refusal(-1127, "More than 24 hours between startTime and endTime.")


def bad_combination() -> Refusal:
    """Parameters that exclude each other."""
    return Refusal(-1128, "Combination of optional parameters invalid.")


def invalid(name: str) -> Refusal:
    """A value that is none of those that are known."""
    return Refusal(-1130, f"Data sent for parameter '{name}' is not valid.")


def bad_strategy_type() -> Refusal:
    """A strategy type that Binance keeps for itself."""
    return Refusal(-1134, "`strategyType` was less than 1000000.")


def bad_restrictions() -> Refusal:
    """Neither of the two restrictions of a cancel."""
    return Refusal(-1145, "Invalid cancelRestrictions")


def not_placed(text: str) -> Refusal:
    """An order that did not reach the matching engine."""
    return Refusal(-1013, text)


def market_closed() -> Refusal:
    """A market that does not trade now."""
    return not_placed("Market is closed.")


def rejected(text: str) -> Refusal:
    """An order that the matching engine turned down."""
    return Refusal(-2010, text)


def insufficient_funds() -> Refusal:
    """More than the account has free."""
    return rejected("Account has insufficient balance for requested action.")


def not_cancelled(text: str) -> Refusal:
    """A cancel that the matching engine turned down."""
    return Refusal(-2011, text)


def unknown_order() -> Refusal:
    """Nothing to cancel: filled, cancelled before, or never placed."""
    return not_cancelled("Unknown order sent.")


def no_such_order() -> Refusal:
    """Nothing to show."""
    return Refusal(-2013, "Order does not exist.")


def no_such_list() -> Refusal:
    """No list of orders to show."""
    return Refusal(-2018, "Order list does not exist.")


def wrong_client_id() -> Refusal:
    """An order number and a client id that are not of one order."""
    return Refusal(-2039, "Client order ID is not correct for this order ID.")
