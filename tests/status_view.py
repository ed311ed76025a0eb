"""A picture of an engine of a test, with the decisions that its journal holds."""

from bot.adapters.decision_board import last_decisions
from bot.core.status import EngineStatus, MarketStatus
from tests.engine_world import World
from tests.hourly_bars import BTC


def status_of(world: World) -> EngineStatus:
    """How the engine of a world stands."""
    return world.engine.status(last_decisions(world.journal.records))


def market_of(world: World, symbol: str = BTC) -> MarketStatus:
    """How one of its markets stands."""
    return next(market for market in status_of(world).markets if market.symbol == symbol)
