"""
Whose money is where: each account's balances, what the street paid and got, and the commissions that were taken.

Nothing is made or lost in a trade: what leaves one goes to another, and `Ledger.totals` never changes but by a
deposit. Amounts are exact and never negative. Knows nothing of books, orders' lives or JSON.
"""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from msgspec import Struct

from bot.core.errors import ConfigError
from bot.core.orders import BUY, Side
from bot.exchange.orders import ZERO
from bot.exchange.refusals import insufficient_funds

BNB: Final = "BNB"
UNIT: Final = Decimal("1e-8")
"""Smallest booked amount of any asset."""


class Balance(Struct, frozen=True):
    """What an account may use of an asset, and what its open orders have set aside."""

    free: Decimal = ZERO
    locked: Decimal = ZERO


class FeeSchedule(Struct, frozen=True):
    """
    What trading costs an account, as a fraction of what it receives.

    Where `bnb_price` is given, the price of one BNB in the market's quote asset, commissions are taken in BNB with the
    discount, as long as there is enough of it; otherwise out of what is received: base in a buy, quote in a sell.
    """

    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")
    bnb_price: Decimal | None = None
    bnb_discount: Decimal = Decimal("0.25")

    def __post_init__(self) -> None:
        if not (0 <= self.maker < 1 and 0 <= self.taker < 1 and 0 <= self.bnb_discount <= 1):
            raise ConfigError(f"fees are fractions in [0, 1), got {self.maker}, {self.taker} and {self.bnb_discount}")
        if self.bnb_price is not None and self.bnb_price <= 0:
            raise ConfigError(f"the price of one BNB is above 0, got {self.bnb_price}")


class Leg(Struct, frozen=True):
    """
    One side of a trade as it concerns balances.

    `reserved` is what the order had set aside for this quantity, in the asset that it pays with; what it does not
    need of it is free again, and what it lacks is taken from the free balance.
    """

    base: str
    quote: str
    side: Side
    quantity: Decimal
    price: Decimal
    is_maker: bool
    reserved: Decimal = ZERO

    @property
    def amount(self) -> Decimal:
        """What is paid for it, in quote."""
        return self.quantity * self.price

    @property
    def pays(self) -> tuple[str, Decimal]:
        """The asset that is given, and how much of it."""
        return (self.quote, self.amount) if self.side is BUY else (self.base, self.quantity)

    @property
    def receives(self) -> tuple[str, Decimal]:
        """The asset that is got, and how much of it before commission."""
        return (self.base, self.quantity) if self.side is BUY else (self.quote, self.amount)


class Commission(Struct, frozen=True):
    """What was taken, and in which asset."""

    amount: Decimal
    asset: str


class Account:
    """
    One customer.

    Args:
        name: Unique; not the empty string, which is the street.
        funds: What it brings, by asset.
        fees: What its trades cost; may be changed at any time.
        uid: The number that Binance shows.
    """

    def __init__(self, name: str, funds: Mapping[str, Decimal], fees: FeeSchedule | None = None, uid: int = 1) -> None:
        if not name or any(amount < 0 or amount % UNIT for amount in funds.values()):
            raise ConfigError(f"account {name!r} needs a name and funds of 0 or more with at most 8 decimals")
        self.name = name
        self.uid = uid
        self.fees = fees or FeeSchedule()
        self.may_trade = True
        self.balances = {asset: Balance(free=amount) for asset, amount in funds.items()}

    def balance(self, asset: str) -> Balance:
        """What there is of an asset."""
        return self.balances.get(asset, Balance())


class Ledger:
    """
    All the money of the exchange.

    Raises:
        ConfigError: Two accounts of one name.
    """

    def __init__(self, accounts: Iterable[Account]) -> None:
        listed = list(accounts)
        self.accounts = {account.name: account for account in listed}
        if len(self.accounts) != len(listed):
            raise ConfigError("an exchange needs accounts of different names")
        self._street: dict[str, Decimal] = {}
        self._collected: dict[str, Decimal] = {}

    def free(self, name: str, asset: str) -> Decimal:
        """What an account may use of an asset."""
        return self.accounts[name].balance(asset).free

    def lock(self, name: str, asset: str, amount: Decimal) -> None:
        """
        Set an amount aside.

        Raises:
            Refusal: There is less than that.
        """
        if amount > self.free(name, asset):
            raise insufficient_funds()
        self._move(name, asset, free=-amount, locked=amount)

    def unlock(self, name: str, asset: str, amount: Decimal) -> None:
        """Make an amount free that was set aside."""
        self._move(name, asset, free=amount, locked=-amount)

    def deposit(self, name: str, asset: str, amount: Decimal) -> None:
        """
        Bring money in from outside, or with a negative amount take it out.

        Raises:
            Refusal: There is less than is to be taken out.
        """
        if self.free(name, asset) + amount < 0:
            raise insufficient_funds()
        self._move(name, asset, free=amount)

    def settle(self, name: str, leg: Leg) -> Commission:
        """Let an account give and get what a trade says, less its commission."""
        paid, due = leg.pays
        got, received = leg.receives
        self._move(name, paid, free=leg.reserved - due, locked=-leg.reserved)
        self._move(name, got, free=received)
        commission = self._commission(self.accounts[name], leg)
        self._move(name, commission.asset, free=-commission.amount)
        _add(self._collected, commission.asset, commission.amount)
        return commission

    def settle_street(self, leg: Leg) -> None:
        """Let the street give and get what a trade says; it never runs out, and pays no commission."""
        paid, due = leg.pays
        got, received = leg.receives
        _add(self._street, paid, -due)
        _add(self._street, got, received)

    def totals(self) -> dict[str, Decimal]:
        """All there is of each asset: with the accounts, the street and the exchange itself."""
        totals: dict[str, Decimal] = {}
        for account in self.accounts.values():
            for asset, balance in account.balances.items():
                _add(totals, asset, balance.free + balance.locked)
        for pocket in (self._street, self._collected):
            for asset, amount in pocket.items():
                _add(totals, asset, amount)
        return totals

    def _commission(self, account: Account, leg: Leg) -> Commission:
        fees = account.fees
        rate = fees.maker if leg.is_maker else fees.taker
        got, received = leg.receives
        if fees.bnb_price is not None:
            in_bnb = _booked(leg.amount * rate * (1 - fees.bnb_discount) / fees.bnb_price)
            if in_bnb <= account.balance(BNB).free:
                return Commission(in_bnb, BNB)
        return Commission(_booked(received * rate), got)

    def _move(self, name: str, asset: str, free: Decimal = ZERO, locked: Decimal = ZERO) -> None:
        balances = self.accounts[name].balances
        before = balances.get(asset, Balance())
        after = Balance(before.free + free, before.locked + locked)
        if after.free < 0 or after.locked < 0:
            raise ValueError(f"{name} cannot have {after.free} {asset} free and {after.locked} set aside")
        balances[asset] = after


def _booked(amount: Decimal) -> Decimal:
    # Half up, as in the worked example of Binance's page on commissions: 0.040229875 is booked as 0.04022988.
    return amount.quantize(UNIT, ROUND_HALF_UP)


def _add(pocket: dict[str, Decimal], asset: str, amount: Decimal) -> None:
    pocket[asset] = pocket.get(asset, ZERO) + amount
