from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import JournalError
from config.loading import load_settings
from config.resolved import fingerprint, resolved, settings_from
from config.settings import Profile, Settings


def test_a_run_is_taken_up_with_the_settings_it_was_begun_with() -> None:
    settings = Settings.model_validate(
        {"markets": {"BTC/USDT": {"tick_size": "0.010"}}, "engine": {"forecast_deadline_ms": 5}}
    )
    assert settings_from(resolved(settings)) == settings


@given(
    multiple=st.floats(0, 20),
    budget=st.decimals(Decimal("0.01"), Decimal(10) ** 12, places=8),
    cooldown=st.integers(0, 10_000),
)
def test_no_digit_is_lost_on_the_way_to_text_and_back(multiple: float, budget: Decimal, cooldown: int) -> None:
    settings = Settings.model_validate(
        {"signal": {"cost_multiple": multiple}, "account": {"budget": budget}, "stop": {"cooldown_candles": cooldown}}
    )
    assert settings_from(resolved(settings)) == settings


def test_equal_settings_have_one_fingerprint_however_they_were_written() -> None:
    one = load_settings(None, {"costs.taker_fee_bps": "7.5", "signal.cost_multiple": "2"})
    other = load_settings(None, {"signal.cost_multiple": "2.0", "costs.taker_fee_bps": "7.50"})
    assert one.fingerprint() == other.fingerprint()


def test_every_deciding_setting_changes_the_fingerprint() -> None:
    base = fingerprint(Settings())
    changed = {"signal": {"cost_multiple": 2}, "account": {"budget": 1}, "markets": {"BTC/USDT": {"lot_step": 1}}}
    for section, value in changed.items():
        assert fingerprint(Settings.model_validate({section: value})) != base


def test_the_description_does_not_change_the_fingerprint() -> None:
    assert fingerprint(Settings(profile=Profile(description="mine"))) == fingerprint(Settings())


def test_settings_of_another_version_are_refused_by_name() -> None:
    texts = resolved(Settings()) | {"signal.cost_multiple": "-1", "signal.gone": "2"}
    with pytest.raises(JournalError, match=r"signal\.cost_multiple, signal\.gone"):
        settings_from(texts)
