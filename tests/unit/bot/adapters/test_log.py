import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from bot.adapters.log import QUIET_LOGGERS, configure_logging

CANARY = "canary0secret0value"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_object_with_its_time_and_level() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    structlog.get_logger("bot.runner").info("candle closed", symbol="BTC/USDT", close=64000.5)
    (line,) = lines(stream)
    assert line["timestamp"].endswith("Z")
    del line["timestamp"]
    assert line == {
        "event": "candle closed",
        "level": "info",
        "logger": "bot.runner",
        "symbol": "BTC/USDT",
        "close": 64000.5,
    }


def test_a_terminal_gets_text() -> None:
    stream = Terminal()
    configure_logging(stream=stream)
    structlog.get_logger().info("candle closed", symbol="BTC/USDT")
    assert "candle closed" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_who_asked_for_words_gets_them_without_colours_too() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream, as_json=False)
    structlog.get_logger("bot.runner").info("candle closed", symbol="BTC/USDT", api_key="aB3dE6gH9jK2mN5pQ8sT1vW4yZ7b")
    (line,) = stream.getvalue().splitlines()
    assert "[info" in line
    assert "candle closed" in line
    assert "symbol=BTC/USDT" in line
    assert "\x1b" not in line
    assert "aB3dE6" not in line


def test_what_is_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    configure_logging("warning", stream)
    structlog.get_logger().info("quiet")
    logging.getLogger("elsewhere").info("quiet")
    assert stream.getvalue() == ""


def test_logs_go_to_stderr_and_leave_stdout_alone(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    structlog.get_logger().warning("to stderr")
    told = capsys.readouterr()
    assert told.out == ""
    assert "to stderr" in told.err


def test_libraries_that_print_headers_are_never_heard_below_info() -> None:
    stream = io.StringIO()
    configure_logging("debug", stream)
    for name in ("ccxt", "ccxt.base.exchange", "aiohttp.client", "websockets.client"):
        logging.getLogger(name).debug("X-MBX-APIKEY: %s", CANARY)
    assert stream.getvalue() == ""


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_a_secret_never_reaches_the_stream(stream: io.StringIO) -> None:
    configure_logging("debug", stream)
    log = structlog.get_logger("bot.venue")
    log.info("order sent", api_key=CANARY, headers={"X-MBX-APIKEY": CANARY}, url=f"https://host/?signature={CANARY}")
    log.warning("token=%s", CANARY, error=ValueError(f"secret={CANARY}"), body=f'{{"passphrase": "{CANARY}"}}'.encode())
    logging.getLogger("library").warning("GET %s failed", f"https://user:{CANARY}@host/")
    logging.getLogger("library").warning("header", extra={"api_key": CANARY})
    assert len(stream.getvalue().splitlines()) == 4
    assert CANARY not in stream.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_a_secret_in_a_traceback_never_reaches_the_stream(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    api_secret = CANARY

    def request() -> None:
        cause = ConnectionError(f"https://host/?apiKey={api_secret}")
        raise RuntimeError(f"X-MBX-APIKEY: {api_secret}") from cause

    try:
        request()
    except RuntimeError:
        structlog.get_logger().exception("request failed")
        logging.getLogger("library").exception("request failed")
    told = stream.getvalue()
    assert told.count("ConnectionError") >= 2
    assert CANARY not in told


def test_setting_up_twice_writes_once() -> None:
    stream = io.StringIO()
    configure_logging(stream=io.StringIO())
    configure_logging(stream=stream)
    structlog.get_logger().info("once")
    assert len(lines(stream)) == 1


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(KeyError):
        configure_logging("loud")
