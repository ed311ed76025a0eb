"""What is held when a venue makes its grid coarser must still be sold, and stopped, as far as the new grid lets it."""

from decimal import Decimal

import pytest

from bot.adapters.order_messages import PlaceOrder, RulesHeard
from tests.builders import BTC
from tests.order_script import OrderScript, leaving, of, stop

COARSER = RulesHeard(1_000_000, BTC, (Decimal("0.1"),), (Decimal(1),), takes_stops=True)


@pytest.mark.xfail(strict=True, reason="what protects is sent as the run's old grid has it, and refused for ever")
@pytest.mark.parametrize("wish", [leaving(quantity="1.234"), stop(quantity="1.234", price="95.5")])
def test_what_ends_a_position_is_cut_to_the_venues_new_grid(wish):
    script = OrderScript()
    script.tell(COARSER)
    (sent,) = of(PlaceOrder, script.submit(wish))
    assert sent.intent.quantity == Decimal("1.2")
    assert sent.intent.stop_price in (None, Decimal(95))
