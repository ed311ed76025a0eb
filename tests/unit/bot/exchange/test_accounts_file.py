"""The file of accounts: read by its owner, without a secret in what it says."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from bot.core.errors import ConfigError
from bot.exchange.accounts_file import open_accounts, read_customers
from bot.exchange.signing import Keyring

KEY = "a" * 64
SECRET = "canary-of-a-secret"  # noqa: S105 - of a test


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.touch(mode)
    path.chmod(mode)
    path.write_text(text)
    return path


def customer(**changed: object) -> dict[str, object]:
    fees = {"maker_bps": "8", "taker_bps": "12.5", "bnb_price": "600"}
    return {"account": "main", "api_key": KEY, "secret": SECRET, "balances": {"USDT": "100.5"}, "fees": fees} | changed


def test_customers_become_accounts_and_keys(tmp_path) -> None:
    other = {"account": "other", "api_key": "b" * 64, "secret": "x"}
    found = read_customers(written(tmp_path / "accounts", json.dumps([customer(), other])))
    main, second = open_accounts(found)
    assert (main.name, main.uid, main.balance("USDT").free) == ("main", 1, Decimal("100.5"))
    assert (main.fees.maker, main.fees.taker, main.fees.bnb_price) == (Decimal("0.0008"), Decimal("0.00125"), 600)
    assert (second.name, second.uid, second.balances, second.fees.maker) == ("other", 2, {}, Decimal("0.001"))
    assert Keyring([one.credentials for one in found]).find(KEY).account == "main"
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"api_key": "short"}, "64 letters and digits"),
        ({"secret": ""}, "a secret"),
        ({"account": ""}, "needs a name"),
        ({"balances": {"USDT": "-1"}}, "funds of 0 or more"),
        ({"fees": {"maker_bps": "20000"}}, "fees are fractions"),
        ({"nickname": "x"}, "unknown field"),
        ({"balances": {"USDT": "much"}}, "no list of customers"),
    ],
)
def test_a_customer_that_cannot_be_is_a_sentence_without_its_secret(tmp_path, changed, sentence) -> None:
    path = written(tmp_path / "accounts", json.dumps([customer(**changed)]))
    with pytest.raises(ConfigError, match=sentence) as caught:
        read_customers(path)
    assert SECRET not in str(caught.value)


def test_a_file_that_others_can_read_is_refused(tmp_path) -> None:
    path = written(tmp_path / "accounts", json.dumps([customer()]), 0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_customers(path)


def test_a_file_that_is_not_there_or_is_no_json_is_a_sentence(tmp_path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_customers(tmp_path / "none")
    with pytest.raises(ConfigError, match="no list of customers"):
        read_customers(written(tmp_path / "accounts", "\xff["))
