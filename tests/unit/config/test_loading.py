from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import ConfigError
from config.loading import load_settings, shipped_profiles
from config.settings import Settings

KEY = "signal.cost_multiple"
VARIABLE = "CANDLEWICK_SIGNAL__COST_MULTIPLE"


def profile(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_word_the_cautious_profile_holds() -> None:
    loaded = load_settings()
    assert loaded.settings == Settings()
    assert loaded.origin(KEY) == "profile cautious"


def test_each_source_is_stronger_than_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty, path = profile(tmp_path, ""), tmp_path / "two.toml"
    path.write_text("[signal]\ncost_multiple = 2\n", encoding="utf-8")

    assert load_settings(empty).origin(KEY) == "the default"
    from_profile = load_settings(path)
    assert (from_profile.value(KEY), from_profile.origin(KEY)) == ("2.0", f"profile {path}")
    monkeypatch.setenv(VARIABLE, "3")
    from_environment = load_settings(path)
    assert from_environment.value(KEY) == "3.0"
    assert from_environment.origin(KEY) == f"the environment variable {VARIABLE}"
    from_option = load_settings(path, {KEY: "4"})
    assert (from_option.value(KEY), from_option.origin(KEY)) == ("4.0", "the command line")


def test_nothing_that_was_overruled_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "3")
    loaded = load_settings(profile(tmp_path, "[signal]\ncost_multiple = 2\n"), {KEY: "4"})
    assert [str(each.value) for each in loaded.given[KEY]] == ["2", "3", "4"]


def test_a_shipped_profile_is_called_by_its_name() -> None:
    assert shipped_profiles() == ["cautious", "lively"]
    lively = load_settings("lively")
    assert lively.origin(KEY) == "profile lively"
    assert "expected to lose" in lively.settings.profile.description


def test_the_lively_profile_acts_on_everything_and_still_pays_for_it() -> None:
    settings = load_settings("lively").settings
    assert settings.signal.cost_multiple == 0
    costs = settings.costs
    assert min(costs.taker_fee_bps, costs.half_spread_bps, costs.slippage_bps) > 0


def test_a_name_that_is_not_shipped_is_told_what_is() -> None:
    with pytest.raises(ConfigError, match=r"no profile is named brave: the shipped ones are cautious, lively"):
        load_settings("brave")


@pytest.mark.parametrize("name", ["./brave", "brave.toml"])
def test_a_name_that_looks_like_a_file_is_one(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read as a profile: No such file"):
        load_settings(name)


def test_a_folder_is_no_profile(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read as a profile"):
        load_settings(tmp_path)


@pytest.mark.parametrize("content", [b"[signal", b"\xff\xfe\x00", b"a = 1\na = 2\n"])
def test_a_file_that_is_not_toml_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"mine\.toml is not a TOML file"):
        load_settings(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[signal]\ncost_mutliple = 2\n", "unknown key signal.cost_mutliple in profile .*; did you mean"),
        ("cost_multiple = 2\n", r"unknown key cost_multiple in .*; did you mean signal\.cost_multiple\?"),
        ("[signals]\n", "unknown key signals in"),
        ("[signal.deeper]\nx = 1\n", r"unknown key signal\.deeper\.x"),
        ("signal = 3\n", "signal in .* is a section"),
        ("[account]\napi_key = 'x'\n", r"account\.api_key in .* looks like a secret"),
        (
            "[signal]\ncost_multiple = [1]\n",
            r"signal\.cost_multiple = \[1\] in profile .*: it should be a valid number",
        ),
        (
            "[signal]\ncost_multiple = true\n",
            r"signal\.cost_multiple = True in .*: is true or false where no setting is",
        ),
        (
            "[signal]\ncost_multiple = -1\n",
            r"signal\.cost_multiple = -1 in .*: it should be greater than or equal to 0",
        ),
        ("[markets.BTC]\nlot_step = 1\n", "BTC in .* is not a market"),
        ('[markets."BTC/USDT"]\nlot = 1\n', r'unknown key markets\."BTC/USDT"\.lot in'),
    ],
)
def test_a_wrong_profile_is_told_what_is_wrong_and_where(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=sentence):
        load_settings(profile(tmp_path, text))


def test_every_wrong_value_is_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"signal\.cost_multiple = x .*; stop\.kind = y "):
        load_settings(None, {"signal.cost_multiple": "x", "stop.kind": "y"})


def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANDLEWICK_SIGNAL__COST_MUTLIPLE", "2")
    with pytest.raises(ConfigError, match="in the environment variable CANDLEWICK_SIGNAL__COST_MUTLIPLE; did you mean"):
        load_settings()


def test_a_variable_of_no_section_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANDLEWICK_COST_MULTIPLE", "2")
    with pytest.raises(ConfigError, match="unknown key cost_multiple in the environment variable CANDLEWICK_COST_MULT"):
        load_settings()


def test_a_variable_that_holds_a_secret_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANDLEWICK_BINANCE_API_KEY", "canary")
    loaded = load_settings()
    assert "canary" not in str(loaded)


def test_a_secret_among_the_settings_is_refused_without_being_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANDLEWICK_ACCOUNT__API_SECRET", "canary")
    with pytest.raises(ConfigError, match="looks like a secret") as caught:
        load_settings()
    assert "canary" not in str(caught.value)


def test_a_whole_section_may_stand_in_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANDLEWICK_SIGNAL", '{"cost_multiple": 3}')
    loaded = load_settings()
    assert loaded.settings.signal.cost_multiple == 3
    assert loaded.origin(KEY) == "the environment variable CANDLEWICK_SIGNAL"


def test_a_section_in_one_variable_must_be_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANDLEWICK_SIGNAL", "{")
    with pytest.raises(ConfigError, match="the environment cannot be read"):
        load_settings()


def test_a_variable_may_be_written_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("candlewick_signal__cost_multiple", "3")
    assert load_settings().origin(KEY) == "the environment variable candlewick_signal__cost_multiple"


def test_a_variable_reaches_one_market(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANDLEWICK_MARKETS__BTC/USDT__TICK_SIZE", "0.5")
    assert load_settings().settings.markets["BTC/USDT"].tick_size == Decimal("0.5")


def test_an_option_unsets_what_a_profile_set(tmp_path: Path) -> None:
    path = profile(tmp_path, "[engine]\nforecast_deadline_ms = 100\n")
    loaded = load_settings(path, {"engine.forecast_deadline_ms": "none"})
    assert loaded.settings.engine.forecast_deadline_ms is None
    assert loaded.value("engine.forecast_deadline_ms") == "none"


def test_a_figure_in_a_profile_is_exact(tmp_path: Path) -> None:
    path = profile(tmp_path, "[account]\nbudget = 123456789012.123456789\n")
    assert load_settings(path).settings.account.budget == Decimal("123456789012.123456789")


def test_asking_for_an_unknown_key_is_an_error() -> None:
    with pytest.raises(ConfigError, match="did you mean"):
        load_settings().origin("signal.cost_multipl")


@given(st.text(max_size=40), st.text(max_size=20))
def test_whatever_the_command_line_says_is_taken_or_refused_in_words(key: str, value: str) -> None:
    with suppress(ConfigError):
        load_settings(None, {key: value})
