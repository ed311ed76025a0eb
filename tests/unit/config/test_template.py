import tomllib
from pathlib import Path

from config.keys import known_keys
from config.loading import load_settings
from config.settings import Settings
from config.template import profile_text

CAUTIOUS = Path(__file__).parents[3] / "config/profiles/cautious.toml"


def test_the_cautious_profile_is_the_template_of_the_defaults() -> None:
    assert CAUTIOUS.read_text(encoding="utf-8") == profile_text(Settings())


def test_a_template_loads_to_the_settings_it_was_made_from(tmp_path: Path) -> None:
    wanted = Settings.model_validate(
        {
            "profile": {"description": 'A "quoted" profile of Zürich.'},
            "signal": {"cost_multiple": 3},
            "engine": {"forecast_deadline_ms": 250},
            "markets": {"BTC/USDT": {"tick_size": "0.01"}, "ETH/USDT": {"lot_step": "0.001"}},
        }
    )
    path = tmp_path / "mine.toml"
    path.write_text(profile_text(wanted), encoding="utf-8")
    assert load_settings(path).settings == wanted


def test_every_setting_stands_in_the_template() -> None:
    text = profile_text(Settings())
    for key in known_keys():
        assert f"{key.rpartition('.')[2]} =" in text, key


def test_what_is_unset_is_left_out() -> None:
    assert "forecast_deadline_ms" not in tomllib.loads(profile_text(Settings()))["engine"]


def test_lines_are_short_enough_to_read() -> None:
    assert max(map(len, profile_text(Settings()).splitlines())) <= 120
