from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.compose import parts
from bot.compose.parts import (
    BUY_AND_HOLD,
    FORECAST_FOLLOWING,
    REFERENCE_BUNDLE,
    instrument,
    load_forecaster,
    overruled,
    paper_broker,
    recorded_strategy,
    resolve_strategy,
    risk_limits,
    strategy_print,
)
from bot.core.commands import RequestForecast, SubmitOrder
from bot.core.errors import ConfigError, JournalError, ModelError
from bot.core.events import CandleClosed, ForecastReady, OrderFilled, RunStarted
from bot.core.market import Candle
from bot.core.orders import Approved, Intent, OrderType, Purpose, Side
from config.settings import MarketSettings, Settings
from risk.limits import SizingMethod, StopKind
from strategies.buy_and_hold import BuyAndHold
from strategies.forecast_following import ForecastFollowing
from strategies.signal import SignalRule

OWN = """
class Own:
    needs_forecast = False

    def wanted(self, view, forecast):
        raise NotImplementedError


def strategy():
    return Own()
"""


def settings(**sections: dict[str, object]) -> Settings:
    return Settings.model_validate(sections)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own@home.py"
    path.write_text(OWN)
    return path


@pytest.mark.parametrize(
    ("price", "tick", "lot"),
    [
        (64_000.0, "0.1", "0.00001"),
        (9_999.0, "0.01", "0.0001"),
        (1.0, "0.00001", "0.1"),
        (0.5, "0.000001", "1"),
        (0.000_012, "1E-10", "1E+4"),
    ],
)
def test_a_market_without_stated_rules_gets_a_grid_of_six_digits(price: float, tick: str, lot: str) -> None:
    made = instrument("BTC/USDT", Settings(), "recorded", first_price=price)
    assert (made.tick_size, made.lot_step, made.min_quantity) == (Decimal(tick), Decimal(lot), Decimal(lot))
    assert made.min_notional == 5
    assert made.signal_venue == made.execution_venue == "recorded"


def test_the_profiles_rules_of_a_market_stand_above_the_venues() -> None:
    stated = instrument("BTC/USDT", Settings(), "recorded", first_price=100.0)
    own = settings(markets={"BTC/USDT": MarketSettings(tick_size=Decimal("0.5"), min_notional=Decimal(20))})
    ruled = overruled(stated, own)
    assert (ruled.tick_size, ruled.min_notional) == (Decimal("0.5"), 20)
    assert (ruled.lot_step, ruled.min_quantity) == (stated.lot_step, stated.min_quantity)
    assert overruled(replace(stated, max_quantity=Decimal(9)), own).max_quantity == 9
    other = replace(stated, symbol="ETH/USDT")
    assert overruled(other, own) == other


def test_the_profile_says_what_trading_costs() -> None:
    said = settings(costs={"taker_fee_bps": 7, "half_spread_bps": 2, "slippage_bps": 3})
    made = instrument("BTC/USDT", said, "recorded", first_price=100.0)
    assert made.costs.taker_fee_bps == 7
    assert made.costs.maker_fee_bps == 10
    assert made.costs.round_trip_bps == 24.0


def test_a_market_is_paid_in_the_accounts_currency() -> None:
    with pytest.raises(ConfigError, match=r"BTC/EUR is not paid in USDT: set account\.quote=EUR"):
        instrument("BTC/EUR", Settings(), "recorded", first_price=100.0)
    assert instrument("BTC/EUR", settings(account={"quote": "EUR"}), "recorded", first_price=100.0).quote == "EUR"


def test_each_limit_of_the_risk_desk_is_a_setting() -> None:
    said = settings(
        sizing={
            "method": "fixed_fraction",
            "fraction": 0.11,
            "target_volatility": 0.12,
            "max_position_frac": 0.13,
            "max_exposure_frac": 0.14,
            "rebalance_band_frac": 0.15,
        },
        stop={"kind": "fixed", "distance_frac": 0.16, "atr_multiple": 1.7, "cooldown_candles": 18},
        breakers={"daily_loss_frac": 0.19, "drawdown_frac": 0.2},
        engine={"price_collar_frac": 0.21, "max_orders_per_day": 22},
    )
    limits = risk_limits(said)
    assert limits.sizing is SizingMethod.FIXED_FRACTION
    assert limits.stop is StopKind.FIXED
    figures = [
        *(limits.fraction, limits.target_volatility, limits.max_position_frac, limits.max_exposure_frac),
        *(limits.rebalance_band_frac, limits.stop_distance_frac, limits.atr_multiple, limits.cooldown_candles),
        *(limits.daily_loss_frac, limits.drawdown_frac, limits.price_collar_frac, limits.max_orders_per_day),
    ]
    assert figures == [0.11, 0.12, 0.13, 0.14, 0.15, 0.16, 1.7, 18, 0.19, 0.2, 0.21, 22]


def test_strategies_are_found_by_name_or_by_file(own: Path) -> None:
    assert isinstance(resolve_strategy(FORECAST_FOLLOWING, Settings()), ForecastFollowing)
    assert isinstance(resolve_strategy(BUY_AND_HOLD, Settings()), BuyAndHold)
    assert type(resolve_strategy(str(own), Settings())).__name__ == "Own"
    with pytest.raises(ConfigError, match="momentum is not a Python file"):
        resolve_strategy("momentum", Settings())


def test_the_signals_rule_is_set() -> None:
    said = settings(signal={"cost_multiple": 3.5, "hysteresis_frac": 0.25})
    assert resolve_strategy(FORECAST_FOLLOWING, said) == ForecastFollowing(SignalRule(3.5, 0.25))


def test_a_run_writes_down_a_strategys_name_or_its_file_and_what_was_in_it(own: Path) -> None:
    assert strategy_print(FORECAST_FOLLOWING) == "forecast"
    assert strategy_print(BUY_AND_HOLD) == "buy-and-hold"
    printed = strategy_print(str(own))
    path, _, digest = printed.rpartition("@")
    assert path == str(own)
    assert len(digest) == 16
    own.write_text(OWN + "\n")
    assert strategy_print(str(own)) != printed


def test_what_is_no_strategy_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone.py is neither forecast, buy-and-hold nor a file"):
        strategy_print(str(tmp_path / "gone.py"))


def test_a_recorded_strategy_is_the_file_that_it_was(own: Path) -> None:
    printed = strategy_print(str(own))
    assert type(recorded_strategy(printed, Settings())).__name__ == "Own"
    assert isinstance(recorded_strategy("buy-and-hold", Settings()), BuyAndHold)
    own.write_text(OWN + "\n")
    with pytest.raises(JournalError, match="put that very file back"):
        recorded_strategy(printed, Settings())
    own.unlink()
    with pytest.raises(JournalError, match="put that very file back"):
        recorded_strategy(printed, Settings())


def test_the_paper_broker_has_the_runs_budget_and_the_settings_share_of_the_volume() -> None:
    market = instrument("BTC/USDT", Settings(), "recorded", first_price=100.0)
    texts = {"costs.participation_frac": "0.25"}
    header = RunStarted(0, "run", "code", {}, texts, (market,), "1h", Decimal(10_000), {})
    broker = paper_broker(header)
    intent = Intent("a1", "BTC/USDT", Side.BUY, OrderType.MARKET, Decimal(50), Purpose.ENTRY, 0)
    assert not broker.moves_money
    broker.submit(SubmitOrder(Approved(intent)), 0)

    happened = list(broker.trade([CandleClosed(3_600_000, "BTC/USDT", Candle(0, 100.0, 101.0, 99.0, 100.0, 40.0))]))

    assert isinstance(happened[0], OrderFilled)
    assert happened[0].fill.quantity == 10


def test_the_shipped_bundles_load_and_prove_themselves() -> None:
    for path in (REFERENCE_BUNDLE, parts.DEMO_BUNDLE):
        bundle, forecaster = load_forecaster(path)
        assert forecaster.name == f"{bundle.name}@{bundle.fingerprint[:12]}"


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="it is not a bundle"):
        load_forecaster(tmp_path)


def test_an_unknown_runtime_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="--runtime torch is not known: it is onnx or keras"):
        load_forecaster(REFERENCE_BUNDLE, "torch")


def test_keras_serves_the_same_bundle_and_says_the_same() -> None:
    bundle, exported = load_forecaster(REFERENCE_BUNDLE)
    _, reference = load_forecaster(REFERENCE_BUNDLE, "keras")
    windows = bundle.vectors.windows()[:2]
    request = RequestForecast(0, ("BTC/USDT", "ETH/USDT"), windows)
    one, other = exported.forecast(request), reference.forecast(request)
    assert isinstance(one, ForecastReady)
    assert isinstance(other, ForecastReady)
    for mine, theirs in zip(one.forecasts, other.forecasts, strict=True):
        assert mine.p_up == pytest.approx(theirs.p_up, abs=1e-5)
