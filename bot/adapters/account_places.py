"""
Where an account can be: the hosts that each place has, and no others.

Pure. Names of hosts only; who answers under a name is checked on the connected socket, elsewhere.
"""

import difflib
from typing import Final

from msgspec import Struct

from bot.core.errors import ConfigError

EMBEDDED: Final = "embedded"


class AccountPlace(Struct, frozen=True):
    """
    A place that keeps accounts.

    `rest_host` takes orders and `socket_host` tells of them. The embedded exchange answers under the production
    names, on loopback alone (`is_local`), so that ccxt behaves there as it does against the real ones.
    """

    name: str
    rest_host: str
    socket_host: str
    is_local: bool = False


PLACES: Final = {
    place.name: place
    for place in (
        AccountPlace(EMBEDDED, "api.binance.com", "ws-api.binance.com", is_local=True),
        AccountPlace("binance-testnet", "testnet.binance.vision", "ws-api.testnet.binance.vision"),
        AccountPlace("binance-demo", "demo-api.binance.com", "demo-ws-api.binance.com"),
    )
}
"""Real money is not among them."""


def account_place(name: str) -> AccountPlace:
    """
    The place of this name.

    Raises:
        ConfigError: There is none, or it holds real money.
    """
    if name in PLACES:
        return PLACES[name]
    if name == "binance":
        raise ConfigError("real money is refused: trade on binance-testnet, binance-demo or the embedded exchange")
    near = difflib.get_close_matches(name, PLACES, n=2)
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(PLACES)}"
    raise ConfigError(f"no account can be kept at {name!r}: {hint}")
