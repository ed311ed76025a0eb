"""The files of `candlewick exchange serve`: what its help and the handbook show can be read, and is all there is."""

import re
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner

from bot.adapters.api_keys import read_credentials
from bot.cli.exchange import exchange
from bot.cli.exchange_files import ACCOUNTS, FAULTS
from bot.exchange.accounts_file import open_accounts, read_customers
from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import AnyFault, BreakAnswer, decode_rules
from bot.exchange.occasions import Occasion, Where

HANDBOOK = (Path(__file__).resolve().parents[4] / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json\n(.*?)```", HANDBOOK, re.DOTALL)
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in HANDBOOK.splitlines() if line.startswith("|")]


def named(cell: str) -> list[str]:
    """What a cell of a table names as a field: what stands before a colon, and between the groups behind it."""
    fields = [re.sub(r":.*", "", part) for part in cell.split(";")]
    return [name for part in fields for name in re.findall(r"`(\w+)`", part)]


@pytest.mark.parametrize("text", [ACCOUNTS, EXAMPLES[0]])
def test_an_accounts_file_can_be_written_as_it_is_shown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "accounts.json"
    path.touch(0o600)
    path.write_text(text)
    (customer,) = read_customers(path)
    # A bot that joins takes the same key.
    asked = {"CANDLEWICK_API_KEY": customer.api_key, "CANDLEWICK_API_SECRET": customer.secret}
    assert read_credentials(asked, None).secret == customer.secret
    (account,) = open_accounts((customer,))
    assert account.name == "main"
    assert account.balance("USDT").free == 100_000


@pytest.mark.parametrize("text", [FAULTS, EXAMPLES[1]])
def test_a_faults_file_can_be_written_as_it_is_shown_and_strikes(text: str) -> None:
    plan = FaultPlan(decode_rules(text.encode()))
    order = Occasion(0, endpoint="order", method="POST")
    struck = [plan.first(BreakAnswer, order) is not None for _ in range(4)]
    assert sum(struck) == 1


def test_the_handbook_names_every_kind_of_fault_with_its_fields() -> None:
    told = {row[0]: sorted(named(row[1])) for row in ROWS if len(row) == 3}
    for kind in get_args(AnyFault):
        own = set(kind.__struct_fields__) - {"where", "name"}
        assert told.pop(str(kind.__struct_config__.tag)) == sorted(own)
    assert list(told) == ["`fault`", "---"]


def test_the_handbook_names_everything_that_a_rule_can_select() -> None:
    told = [name for row in ROWS if len(row) == 2 for name in named(row[0])]
    assert sorted(told) == sorted(Where.__struct_fields__)


def test_the_help_shows_both_files_and_every_kind() -> None:
    shown = CliRunner().invoke(exchange, ["serve", "--help"], catch_exceptions=False).output
    lines = [line.strip() for line in shown.splitlines()]
    assert all(line.strip() in lines for line in (*ACCOUNTS.splitlines(), *FAULTS.splitlines()))
    words = " ".join(lines)
    assert all(str(kind.__struct_config__.tag) in words for kind in get_args(AnyFault))
