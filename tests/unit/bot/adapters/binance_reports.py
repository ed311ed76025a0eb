"""Reports of Binance's private stream, to be changed by tests, and what they mean."""

import json
from typing import Any

from bot.adapters.order_messages import OrderReport
from bot.adapters.venues.account_messages import AccountMessage, OrderTold
from bot.adapters.venues.binance_account import BinanceAccount

MARKETS = {"BTCUSDT": "BTC/USDT", "ETHUSDT": "ETH/USDT", "ETHBTC": "ETH/BTC"}
AT = 1_759_347_763_167
ACCOUNT = BinanceAccount(MARKETS)
REPORT = {
    "e": "executionReport",
    "E": AT + 1,
    "s": "BTCUSDT",
    "c": "k7d2",
    "S": "BUY",
    "o": "LIMIT",
    "f": "GTC",
    "q": "0.50000000",
    "p": "25000.00000000",
    "P": "0.00000000",
    "F": "0.00000000",
    "g": -1,
    "C": "",
    "x": "NEW",
    "X": "NEW",
    "r": "NONE",
    "i": 41,
    "l": "0.00000000",
    "z": "0.00000000",
    "L": "0.00000000",
    "n": "0",
    "N": None,
    "T": AT,
    "t": -1,
    "I": 9,
    "w": True,
    "m": False,
    "M": False,
    "O": AT,
    "Z": "0.00000000",
    "Y": "0.00000000",
    "Q": "0.00000000",
    "W": AT,
    "V": "NONE",
}
TRADE = {
    "x": "TRADE",
    "X": "PARTIALLY_FILLED",
    "l": "0.20",
    "z": "0.30",
    "L": "24999.9",
    "n": "0.0002",
    "N": "BTC",
    "t": 7,
    "Y": "4999.98",
}


def meaning(event: Any, **fields: object) -> AccountMessage:
    """What an event means, with some of its fields changed; it comes wrapped, as the WebSocket API sends it."""
    return ACCOUNT.parse(json.dumps({"subscriptionId": 0, "event": {**event, **fields}}).encode())


def told(**fields: object) -> OrderReport:
    message = meaning(REPORT, **fields)
    assert isinstance(message, OrderTold), message
    return message.report
