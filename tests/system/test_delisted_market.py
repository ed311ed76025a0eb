"""A market of a run that its venue lists no more: the run goes on, and says what it cannot do there."""

from pathlib import Path
from unittest.mock import patch

import pytest

from bot.adapters.journal_reader import read_run
from bot.core.errors import VenueError
from bot.core.events import AccountReconciled, CandleClosed, MarketBarred, MarketSuspended, OrderFilled, SessionStarted
from bot.exchange import trading_rest
from bot.exchange.refusals import bad_symbol
from bot.exchange.wire import parse_symbols
from tests.exchange_hand import Hand
from tests.live_world import Bot, running_exchange
from tests.market_time import run

ETH = "ETH/USDT"


def without_eth(text: str) -> list[str]:
    """What a request asks for; one unknown name refuses all of it, as at Binance."""
    names = parse_symbols(text)
    if "ETHUSDT" in names:
        raise bad_symbol()
    return names


def test_a_run_goes_on_though_a_market_that_it_holds_is_listed_no_more(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_exchange(tmp_path) as exchange:
            bot, hand = Bot(tmp_path / "bot", exchange), Hand(exchange)
            bot.start()
            await hand.a_stop("ETHUSDT")
            await bot.stop()
            with patch.object(trading_rest, "parse_symbols", without_eth):
                bot.start()
                await bot.for_candles(8)
                await bot.stop()
        records = list(read_run(bot.run_folder).records())
        begun = max(number for number, one in enumerate(records) if isinstance(one, SessionStarted))
        later = records[begun:]
        barred = [one for one in later if isinstance(one, MarketBarred)]
        assert [one.symbol for one in barred] == [ETH]
        assert "ETH/USDT cannot be traded there any more" in barred[0].reason
        assert [one.symbol for one in later if isinstance(one, MarketSuspended)] == [ETH]
        assert any(isinstance(one, AccountReconciled) for one in later)
        assert {one.symbol for one in later if isinstance(one, CandleClosed)} == {"BTC/USDT"}
        assert "BTC/USDT" in {one.fill.symbol for one in later if isinstance(one, OrderFilled)}

    run(story())


def test_a_new_run_is_not_begun_in_a_market_that_is_not_listed(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_exchange(tmp_path) as exchange:
            bot = Bot(tmp_path / "bot", exchange)
            with patch.object(trading_rest, "parse_symbols", without_eth):
                bot.start()
                with pytest.raises(VenueError, match="rules of BTC/USDT, ETH/USDT"):
                    await bot.ended()

    run(story())
