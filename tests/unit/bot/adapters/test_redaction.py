import hashlib
import hmac
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.redaction import MASK, redact, redact_named, redact_value

CANARY = "canary0secret0value"
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SIGNATURE = hmac.new(b"secret", b"symbol=BTCUSDT", hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://host/api/v3/order?symbol=BTCUSDT&signature={CANARY}&timestamp=1",
        f"https://host/?apiKey={CANARY}",
        f"https://user:{CANARY}@host/path",
        f"wss://{CANARY}@host",
        f"X-MBX-APIKEY: {CANARY}",
        f"{{'X-MBX-APIKEY': '{CANARY}'}}",
        f'{{"apiKey": "{CANARY}", "secret":"{CANARY}"}}',
        f'{{\\"api_key\\": \\"{CANARY}\\"}}',
        f"Authorization: Bearer {CANARY}",
        f"'Authorization': 'Basic {CANARY}'",
        f"password={CANARY}; next",
        f"password: 'with blanks {CANARY}'",
        f"sign={CANARY}&x=1",
        f"binance(secret='{CANARY}')",
        f"listenKey={CANARY}",
        f"CANDLEWICK_BINANCE_API_SECRET={CANARY}",
        f"KC-API-PASSPHRASE={CANARY}",
        f"access_token={CANARY}",
        f"token={CANARY}",
        f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----",
        f"-----BEGIN EC PRIVATE KEY-----\n{CANARY}",
    ],
)
def test_a_secret_is_masked_wherever_its_name_stands(text: str) -> None:
    assert CANARY not in redact(text)
    assert MASK in redact(text)


@pytest.mark.parametrize(
    "secret",
    [
        KEY,
        SIGNATURE,
        SIGNATURE.upper(),
        "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==",
    ],
)
def test_what_looks_like_a_key_or_a_signature_is_masked_without_a_name(secret: str) -> None:
    for text in (secret, f"refused: {secret}", f"({secret})", f"a/{secret}", f"{secret}."):
        told = redact(text)
        assert MASK in told
        assert not any(secret[i : i + 16] in told for i in range(len(secret) - 16))


@pytest.mark.parametrize(
    "text",
    [
        "order c0ffee0123456789ab of BTC/USDT filled at 64000.5",
        "unknown key signal.cost_mutliple in mine.toml; did you mean signal.cost_multiple?",
        "/home/somebody/projects/candlewick/runs/2026-01-01/journal.sqlite",
        "wss://stream.binance.com:9443/stream?streams=btcusdt@kline_1h",
        "https://host/api/v3/klines?symbol=BTCUSDT&interval=1h&startTime=1500000000000",
        "signal: 0.5, design=signed off",
        "ForecastReady(close_time_ms=1500000000000, latency_ms=12)",
        "supercalifragilisticexpialidociousness is a word",
        "12345678901234567890123456789012345 is a number",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert redact(text) == text


def test_the_rest_of_an_address_is_left_to_read() -> None:
    told = redact(f"https://host/order?symbol=BTCUSDT&signature={CANARY}&timestamp=1")
    assert told == f"https://host/order?symbol=BTCUSDT&signature={MASK}&timestamp=1"


def test_a_secret_is_found_in_every_corner_of_a_value() -> None:
    value = {
        "apiKey": CANARY,
        "nested": [{"secret": 7, "fine": (1, f"token={CANARY}")}],
        "bytes": f"signature={CANARY}".encode(),
        "error": ValueError(f"password={CANARY}"),
        f"apiKey={CANARY}": 1,
    }
    told = redact_value(value)
    assert CANARY not in str(told)
    assert told["nested"][0] == {"secret": MASK, "fine": [1, f"token={MASK}"]}


def test_plain_values_stay_what_they_are() -> None:
    assert redact_value({"a": 1, "b": 0.5, "c": None, "d": True}) == {"a": 1, "b": 0.5, "c": None, "d": True}
    assert redact_value(Decimal("1.50")) == "1.50"


def test_a_name_masks_the_whole_value() -> None:
    assert redact_named("api_secret", {"deep": CANARY}) == MASK
    assert redact_named("has_token", True) is True
    assert redact_named("secret", None) is None
    assert redact_named("signal", 0.5) == 0.5


def test_a_long_text_is_read_in_one_pass() -> None:
    # With a pattern that looks back over its own steps this would take hours.
    text = "a" * 200_000 + "secret" * 20_000
    assert redact(text) == text


@given(st.text(max_size=200))
def test_masking_twice_is_masking_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)
