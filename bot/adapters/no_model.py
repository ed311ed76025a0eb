"""The place of a model for strategies that never ask one."""

from bot.core.commands import RequestForecast
from bot.core.errors import ModelError
from bot.core.events import ForecastReady


class NoModel:
    """Answers nothing; being asked is a fault of the strategy."""

    @property
    def name(self) -> str:
        """No model."""
        return "none"

    def forecast(self, request: RequestForecast) -> ForecastReady:
        """
        Refuse.

        Raises:
            ModelError: Always: the strategy said that it needs no forecast.
        """
        raise ModelError(f"no model was loaded, but a forecast for {', '.join(request.symbols)} was asked for")
