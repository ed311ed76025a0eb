"""
Who trades on the exchange: the customers of a file, and the accounts and keys that come of them.

The file is JSON, a list of customers, and nobody else's to read, because it holds the secrets of their keys:

    [{"account": "main", "api_key": "…64 letters and digits…", "secret": "…", "balances": {"USDT": "100000"},
      "fees": {"maker_bps": "10", "taker_bps": "10"}}]

Secrets are never shown. Knows nothing of orders and sockets.
"""

import stat
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bot.core.errors import ConfigError
from bot.exchange.accounts import Account, FeeSchedule
from bot.exchange.signing import Credentials, is_key

_BPS: Final = Decimal(10_000)
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Fees(Struct, frozen=True, forbid_unknown_fields=True):
    """
    What trading costs, in basis points of what is received.

    With `bnb_price`, the price of one BNB in quote, commissions are taken in BNB as long as there is enough of it, and
    `bnb_discount` of them is remitted.
    """

    maker_bps: Decimal = Decimal(10)
    taker_bps: Decimal = Decimal(10)
    bnb_price: Decimal | None = None
    bnb_discount: Decimal = Decimal("0.25")

    def schedule(self) -> FeeSchedule:
        """The same in fractions. Raises `ConfigError` where there is no such schedule."""
        return FeeSchedule(self.maker_bps / _BPS, self.taker_bps / _BPS, self.bnb_price, self.bnb_discount)


class Customer(Struct, frozen=True, forbid_unknown_fields=True):
    """One account, what it begins with, and its first key."""

    account: str
    api_key: str
    secret: str
    balances: dict[str, Decimal] = {}
    fees: Fees = Fees()
    may_trade: bool = True

    def __post_init__(self) -> None:
        if not is_key(self.api_key) or not self.secret:
            raise ConfigError(f"account {self.account!r} needs an api_key of 64 letters and digits, and a secret")
        opened(self, 1)

    def __repr__(self) -> str:
        return f"Customer({self.account!r}, {self.api_key[:4]}…)"

    @property
    def credentials(self) -> Credentials:
        """The first key."""
        return Credentials(self.api_key, self.secret, self.account, may_trade=self.may_trade)


def opened(customer: Customer, uid: int) -> Account:
    """The account of a customer as it begins. Raises `ConfigError`."""
    return Account(customer.account, customer.balances, customer.fees.schedule(), uid)


def open_accounts(customers: Iterable[Customer]) -> list[Account]:
    """The accounts of customers as they begin, numbered from 1."""
    return [opened(customer, uid) for uid, customer in enumerate(customers, 1)]


def read_customers(path: Path) -> tuple[Customer, ...]:
    """
    Read a file of customers.

    Raises:
        ConfigError: It cannot be read, others than its owner may read it, or it is no list of customers.
    """
    try:
        if path.stat().st_mode & _OTHERS:
            raise ConfigError(f"{path} holds secrets and can be read by others: run chmod 600 {path}")
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"the accounts file {path} cannot be read: {error.strerror}") from error
    try:
        return msgspec.json.decode(text, type=tuple[Customer, ...])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no list of customers: {error}") from None
