from decimal import Decimal

import pytest
from pydantic import BaseModel, ValidationError

from config.keys import sections
from config.settings import BreakerSettings, MarketSettings, Settings, SizingSettings
from risk.limits import SizingMethod


def test_the_defaults_are_those_of_a_careful_trader() -> None:
    settings = Settings()
    assert settings.signal.cost_multiple >= 1.5
    assert settings.sizing.max_exposure_frac < 1
    assert settings.markets == {}


def test_settings_cannot_be_changed_once_they_are_made() -> None:
    settings = Settings()
    for part, name in ((settings, "signal"), (settings.signal, "cost_multiple")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, name, getattr(part, name))


def test_building_settings_reads_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANDLEWICK_SIGNAL__COST_MULTIPLE", "7")
    assert Settings().signal.cost_multiple == 1.5


def test_every_setting_says_what_it_means() -> None:
    models: list[tuple[str, type[BaseModel]]] = [*sections(), ("markets", MarketSettings)]
    for section, model in models:
        assert model.__doc__, section
        for name, field in model.model_fields.items():
            assert field.description, f"{section}.{name}"


def test_money_is_exact() -> None:
    costs = Settings.model_validate({"costs": {"taker_fee_bps": "7.5"}}).costs
    assert costs.taker_fee_bps == Decimal("7.5")
    assert isinstance(Settings().account.budget, Decimal)


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("signal", "cost_multiple", -0.1),
        ("signal", "cost_multiple", "nan"),
        ("signal", "cost_multiple", True),
        ("sizing", "fraction", 0),
        ("sizing", "fraction", 1.01),
        ("sizing", "method", "all_in"),
        ("stop", "distance_frac", 1),
        ("stop", "cooldown_candles", 1.5),
        ("breakers", "drawdown_frac", 0),
        ("costs", "taker_fee_bps", "-1"),
        ("costs", "participation_frac", 0),
        ("engine", "forecast_deadline_ms", 0),
        ("engine", "price_collar_frac", 1),
        ("account", "budget", "Infinity"),
        ("account", "budget", 0),
        ("account", "quote", "usdt"),
        ("journal", "block_records", 0),
    ],
)
def test_a_value_out_of_its_range_is_refused(section: str, name: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({section: {name: value}})


def test_one_market_may_not_hold_more_than_all_together() -> None:
    with pytest.raises(ValidationError, match="max_position_frac must not be above"):
        SizingSettings(max_position_frac=0.6, max_exposure_frac=0.5)


def test_a_day_may_not_lose_more_than_the_drawdown_allows() -> None:
    with pytest.raises(ValidationError, match="daily_loss_frac must not be above"):
        BreakerSettings(daily_loss_frac=0.2, drawdown_frac=0.1)


def test_the_words_for_sizing_are_those_of_the_risk_desk() -> None:
    assert SizingSettings.model_validate({"method": "fixed_fraction"}).method is SizingMethod.FIXED_FRACTION


def test_a_market_may_be_overruled_in_part() -> None:
    settings = Settings.model_validate({"markets": {"BTC/USDT": {"tick_size": "0.01"}}})
    assert settings.markets["BTC/USDT"].tick_size == Decimal("0.01")
    assert settings.markets["BTC/USDT"].lot_step is None


def test_there_is_no_place_for_a_secret() -> None:
    for name in ("api_key", "secret"):
        with pytest.raises(ValidationError):
            Settings.model_validate({"account": {name: "x"}})
