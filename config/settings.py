"""
Every setting of the bot: its type, its range, its default and what it means.

One frozen model a section. The defaults are the cautious profile. Read at the composition root alone, and
handed on from there as small values; this module knows nothing of files, variables or options, and has no
place for a secret.
"""

from decimal import Decimal
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from risk.limits import SizingMethod, StopKind

ENV_PREFIX: Final = "CANDLEWICK_"
ENV_DELIMITER: Final = "__"

PositiveShare = Annotated[float, Field(gt=0.0, le=1.0)]
Bps = Annotated[Decimal, Field(ge=0, le=1_000)]
PositiveDecimal = Annotated[Decimal, Field(gt=0)]


class Section(BaseModel):
    """A group of settings under one heading of a profile."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value(cls, value: object) -> object:
        # Left alone, `true` would be read as the number 1.
        if isinstance(value, bool):
            raise ValueError("is true or false where no setting is")  # noqa: TRY004 (pydantic catches ValueError)
        return value


class Profile(Section):
    """What the profile is for."""

    description: str = Field(
        default="Trades only where the expected move clears one and a half times its cost; that may be never.",
        max_length=300,
    )
    """One sentence for people. It changes no decision and is left out of the fingerprint."""


class SignalSettings(Section):
    """From forecast to wanted exposure."""

    cost_multiple: Annotated[float, Field(ge=0.0, le=20.0)] = 1.5
    """The expected move must be this many times the round-trip cost before it is acted on; 0 acts on any."""

    hysteresis_frac: Annotated[float, Field(ge=0.0, le=20.0)] = 0.5
    """A holding is given up when the expected move is this many round-trip costs below zero."""


class SizingSettings(Section):
    """From wanted exposure to an amount."""

    method: SizingMethod = SizingMethod.VOLATILITY_TARGET
    """How a full signal is sized: a fixed share of equity, or as much as meets the target volatility."""

    fraction: PositiveShare = 0.25
    """Share of equity that a full signal takes in one market; with volatility_target, where the market is as
    volatile as the target."""

    target_volatility: Annotated[float, Field(gt=0.0, le=5.0)] = 0.2
    """Volatility of a market, a year, at which it is given the full fraction; used by volatility_target."""

    max_position_frac: PositiveShare = 0.25
    """The most of equity that one market may hold."""

    max_exposure_frac: PositiveShare = 0.5
    """The most of equity that all markets together may hold."""

    rebalance_band_frac: Annotated[float, Field(ge=0.0, le=10.0)] = 0.25
    """A holding is resized when it is farther from what is wanted than this share of what is wanted."""

    @model_validator(mode="after")
    def _one_market_fits_in_all(self) -> Self:
        if self.max_position_frac > self.max_exposure_frac:
            raise ValueError("sizing.max_position_frac must not be above sizing.max_exposure_frac")
        return self


class StopSettings(Section):
    """The protective stop of every position."""

    kind: StopKind = StopKind.ATR
    """Whether the stop's distance is a fixed share of the price or follows the average true range."""

    distance_frac: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.05
    """Distance below the price of entry, as a share of it; with atr, the farthest that a stop may be."""

    atr_multiple: Annotated[float, Field(gt=0.0, le=20.0)] = 3.0
    """Distance below the price of entry in average true ranges; used by atr."""

    cooldown_candles: Annotated[int, Field(ge=0, le=10_000)] = 3
    """Candles after a stop in which its market gets no entry."""


class BreakerSettings(Section):
    """Losses that stop trading."""

    daily_loss_frac: PositiveShare = 0.03
    """Loss since midnight UTC, as a share of equity then, that ends entries for that day."""

    drawdown_frac: PositiveShare = 0.15
    """Fall from the highest equity, as a share of it, that sells everything and halts until an operator resumes."""

    @model_validator(mode="after")
    def _a_day_is_less_than_all(self) -> Self:
        if self.daily_loss_frac > self.drawdown_frac:
            raise ValueError("breakers.daily_loss_frac must not be above breakers.drawdown_frac")
        return self


class CostSettings(Section):
    """What the paper broker charges and the signal must earn, in basis points of the traded amount."""

    maker_fee_bps: Bps = Decimal(10)
    """Fee of an order that waited in the book."""

    taker_fee_bps: Bps = Decimal(10)
    """Fee of an order that took what was there."""

    half_spread_bps: Bps = Decimal(1)
    """Distance from the middle of the book to its best price."""

    slippage_bps: Bps = Decimal(1)
    """What a market order loses on top of the spread."""

    participation_frac: Annotated[Decimal, Field(gt=0, le=1)] = Decimal("0.1")
    """Share of a candle's volume that one order may take; the rest waits for the next candle."""


class EngineSettings(Section):
    """Deadlines and limits of the decision itself."""

    forecast_deadline_ms: Annotated[int, Field(gt=0, le=3_600_000)] | None = None
    """Age at which a forecast is dropped; none means the smaller of 5 s and 5 % of the timeframe."""

    batch_deadline_ms: Annotated[int, Field(gt=0, le=3_600_000)] = 2_000
    """How long the markets of one close wait for one that is late."""

    price_collar_frac: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.02
    """How far from the market's price an entry's may be, as a share of the market's."""

    max_orders_per_day: Annotated[int, Field(gt=0, le=100_000)] = 100
    """Orders in a day of UTC after which no entry is made; what cuts exposure goes on."""


class ExecutionSettings(Section):
    """What trading at a venue needs beside what trading on paper does."""

    unprotected_ms: Annotated[int, Field(gt=0, le=3_600_000)] = 10_000
    """How long a position may be without a stop that rests at the venue; then it is sold."""

    reconcile_ms: Annotated[int, Field(ge=1_000, le=86_400_000)] = 60_000
    """Time between two comparisons of the venue's books with ours."""

    absent_ms: Annotated[int, Field(ge=1_000, le=3_600_000)] = 60_000
    """How long the venue must not know an order that nobody answered, before it is believed that it never got there."""

    mark_step_bps: Annotated[float, Field(ge=0.0, le=100.0)] = 2.0
    """How far a price between closes must have moved before it marks the account anew."""


class AccountSettings(Section):
    """What the bot may call its own."""

    budget: Annotated[Decimal, Field(gt=0, le=Decimal(10) ** 12)] = Decimal(10_000)
    """Money the bot may trade with, in the quote currency; anything else in the account is foreign to it."""

    quote: Annotated[str, Field(pattern=r"^[A-Z0-9]{2,12}$")] = "USDT"
    """The currency that pays, counts the budget and measures the result."""


class JournalSettings(Section):
    """How a run is written down."""

    block_records: Annotated[int, Field(gt=0, le=1_000_000)] = 512
    """Records in one block where nothing leaves the process; a block is what a crash can lose."""

    snapshot_events: Annotated[int, Field(gt=0, le=10_000_000)] = 10_000
    """Events between two snapshots; fewer start faster and write more."""


class MarketSettings(Section):
    """Trading rules of one market, where the venue's own are to be overruled; what is unset stays the venue's."""

    tick_size: PositiveDecimal | None = None
    """Smallest step of a price."""

    lot_step: PositiveDecimal | None = None
    """Smallest step of a quantity."""

    min_quantity: PositiveDecimal | None = None
    """Smallest quantity of an order."""

    min_notional: PositiveDecimal | None = None
    """Smallest value of an order, in the quote currency."""


Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,20}/[A-Z0-9]{2,12}$")]


class Settings(BaseSettings):
    """
    All settings of one run.

    Built from what it is given and nothing else: `config.loading` reads the sources, in their order, and
    knows where each value came from.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=ENV_PREFIX, env_nested_delimiter=ENV_DELIMITER
    )

    profile: Profile = Profile()
    signal: SignalSettings = SignalSettings()
    sizing: SizingSettings = SizingSettings()
    stop: StopSettings = StopSettings()
    breakers: BreakerSettings = BreakerSettings()
    costs: CostSettings = CostSettings()
    engine: EngineSettings = EngineSettings()
    execution: ExecutionSettings = ExecutionSettings()
    account: AccountSettings = AccountSettings()
    journal: JournalSettings = JournalSettings()
    markets: dict[Symbol, MarketSettings] = {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take nothing from the environment here, so that no value arrives without its origin."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)
