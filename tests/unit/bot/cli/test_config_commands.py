import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.cli.config import config, init
from bot.core.errors import ConfigError
from config.loading import load_settings


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("CANDLEWICK_"):
            monkeypatch.delenv(name)


def run(*words: str) -> Result:
    command = init if words[0] == "init" else config
    return CliRunner().invoke(command, words[1:], catch_exceptions=False)


def test_init_writes_a_profile_that_changes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "mine.toml"
    result = run("init", "--out", str(out))
    assert result.output == f"Wrote {out}. Use it with --profile {out}\n"
    assert load_settings(out).settings == load_settings().settings


def test_init_tells_what_it_wrote_as_one_object(tmp_path: Path) -> None:
    out = tmp_path / "mine.toml"
    assert json.loads(run("init", "--out", str(out), "--json").output) == {"path": str(out), "profile": str(out)}


def test_init_begins_with_another_profile_when_told_to(tmp_path: Path) -> None:
    out = tmp_path / "mine.toml"
    run("init", "--out", str(out), "--profile", "lively", "--set", "account.budget=500")
    assert load_settings(out).settings == load_settings("lively", {"account.budget": "500"}).settings


def test_init_never_overwrites(tmp_path: Path) -> None:
    out = tmp_path / "mine.toml"
    out.write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="exists and is not overwritten: name another file with --out"):
        run("init", "--out", str(out))
    assert out.read_text(encoding="utf-8") == "mine"


def test_init_says_how_a_bare_name_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("init", "--out", "mine").output == "Wrote mine. Use it with --profile ./mine\n"
    assert load_settings("./mine").settings == load_settings().settings


def test_init_needs_a_folder_that_exists(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written: No such file or directory"):
        run("init", "--out", str(tmp_path / "nowhere/mine.toml"))


def test_show_gives_every_value_its_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANDLEWICK_STOP__KIND", "fixed")
    lines = run("config", "show", "--profile", "lively", "--set", "account.budget=500").output.splitlines()
    told = {line.split(" = ")[0]: line.rpartition("# ")[2] for line in lines if " = " in line}
    assert told["signal.cost_multiple"] == "profile lively"
    assert told["stop.kind"] == "the environment variable CANDLEWICK_STOP__KIND"
    assert told["account.budget"] == "the command line"
    assert told["journal.block_records"] == "the default"


def test_show_as_json_is_one_object_with_the_fingerprint() -> None:
    answer = json.loads(run("config", "show", "--json").output)
    assert answer["fingerprint"] == load_settings().fingerprint()
    assert answer["settings"]["signal.cost_multiple"] == {"value": "1.5", "origin": "profile cautious"}


def test_explain_tells_everything_that_was_given() -> None:
    output = run("config", "explain", "signal.cost_multiple", "--set", "signal.cost_multiple=2").output
    assert "2.0" in output.splitlines()[1]
    assert "1.5 from the default, then 1.5 from profile cautious, then 2 from the command line" in output
    assert "CANDLEWICK_SIGNAL__COST_MULTIPLE" in output


def test_explain_knows_a_market_that_nobody_mentioned() -> None:
    answer = json.loads(run("config", "explain", "markets.BTC/USDT.tick_size", "--json").output)
    assert (answer["value"], answer["origin"]) == ("none", "the default")


def test_explain_does_not_know_what_is_misspelt() -> None:
    with pytest.raises(ConfigError, match=r"did you mean signal\.cost_multiple\?"):
        run("config", "explain", "signal.cost_multipel")


def test_an_override_is_a_key_and_a_value() -> None:
    result = run("config", "show", "--set", "signal.cost_multiple")
    assert result.exit_code == 2
    assert "signal.cost_multiple is not KEY=VALUE" in result.output
