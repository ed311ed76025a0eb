from decimal import Decimal

import pytest

from bot.core.errors import ConfigError
from config.keys import known_keys, looks_secret, meaning_of, path_of, plain, require_known, spelled, variable_of
from risk.limits import StopKind


def test_a_misspelt_key_is_told_its_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        require_known("signal.cost_mutliple", "mine.toml")
    assert str(caught.value) == ("unknown key signal.cost_mutliple in mine.toml; did you mean signal.cost_multiple?")


def test_a_key_without_its_section_is_told_the_whole() -> None:
    with pytest.raises(ConfigError, match=r"did you mean signal\.cost_multiple\?"):
        require_known("cost_multiple")


def test_a_name_that_a_section_does_not_know_is_told_those_it_knows() -> None:
    with pytest.raises(ConfigError) as caught:
        require_known("signal.nope")
    assert str(caught.value) == "unknown key signal.nope; the keys of signal are cost_multiple, hysteresis_frac"


def test_a_key_that_is_like_no_other_is_told_where_to_look() -> None:
    with pytest.raises(ConfigError, match="config show"):
        require_known("zzz")


def test_a_section_is_not_a_key() -> None:
    with pytest.raises(ConfigError, match=r"signal is a section; its keys are signal\.cost_multiple, signal\.hyst"):
        require_known("signal")


@pytest.mark.parametrize("key", ["account.api_key", "account.apikey", "account.secret", "venue.password", "key"])
def test_a_key_that_would_hold_a_secret_is_refused_as_one(key: str) -> None:
    with pytest.raises(ConfigError, match="looks like a secret"):
        require_known(key)


def test_no_setting_looks_like_a_secret() -> None:
    assert not [key for key in known_keys() if looks_secret(key)]


def test_every_known_key_is_known_and_explained() -> None:
    for key in known_keys():
        require_known(key)
        meaning = meaning_of(key)
        assert meaning.description.endswith("."), key
        assert meaning.allowed, key


def test_a_meaning_states_the_range_in_words() -> None:
    assert meaning_of("signal.cost_multiple").allowed == "a number, at least 0 and at most 20"
    assert meaning_of("stop.kind").allowed == "fixed or atr"
    assert meaning_of("engine.forecast_deadline_ms").allowed == "a whole number, above 0 and at most 3600000, or none"
    assert meaning_of('markets."BTC/USDT".tick_size').allowed == "an exact number, above 0, or none"


@pytest.mark.parametrize(
    "key", ["markets.btc/usdt.tick_size", 'markets."BTC/USDT".tick_size', "markets.BTC/USDT.tick_size"]
)
def test_a_market_may_be_written_with_or_without_quotes(key: str) -> None:
    assert spelled(key) == 'markets."BTC/USDT".tick_size'
    assert path_of(spelled(key)) == ("markets", "BTC/USDT", "tick_size")


def test_a_rule_needs_a_market() -> None:
    with pytest.raises(ConfigError, match="unknown key"):
        require_known(spelled("markets.tick_size"))


def test_the_variable_of_a_key_is_its_path_in_capitals() -> None:
    assert variable_of("signal.cost_multiple") == "CANDLEWICK_SIGNAL__COST_MULTIPLE"


def test_equal_values_are_written_alike() -> None:
    assert plain(Decimal(10)) == plain(Decimal("10.00")) == plain(Decimal("1E+1")) == "10"
    assert plain(StopKind.ATR) == "atr"
    assert plain(None) == "none"
    assert plain(0.1) == "0.1"
