"""An httpx client that asks with patience. CoinGecko's client is given one; feeds and the index use it as it is."""

import logging
from typing import Any, Final

import httpx

from bot.adapters.external.asking import Asking, Heard, Lost
from bot.core.errors import VenueError

_TIMEOUT_S: Final = 30.0
_OK: Final = 200

# It tells the address of every request, and the address of a feed can hold a key.
logging.getLogger("httpx").setLevel(logging.WARNING)


class PatientClient(httpx.Client):
    """A client for the questions to one source; follows redirects."""

    def __init__(self, asking: Asking) -> None:
        super().__init__(timeout=_TIMEOUT_S, follow_redirects=True)
        self.asking = asking

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """
        Bring the whole answer to a question, be it a yes or a no.

        Raises:
            VenueUnavailable: None came.
        """

        def once() -> httpx.Response:
            try:
                response = super(PatientClient, self).send(request, **options)
                response.read()
            except httpx.RequestError as error:
                # The text of the error can hold the address: its class says enough.
                raise Lost(type(error).__name__) from None
            return response

        return self.asking.patiently(once, _heard)

    def body(self, url: str, parameters: dict[str, str | int] | None = None) -> bytes:
        """
        Ask for something and return what is answered.

        Raises:
            VenueUnavailable: No answer came.
            VenueError: The answer is a no.
        """
        response = self.get(url, params=parameters)
        if response.status_code != _OK:
            raise VenueError(
                f"{self.asking.source} refused the question (HTTP {response.status_code}): check its address"
            )
        return response.content


def _heard(response: httpx.Response) -> Heard:
    headers = response.headers
    return Heard(response.status_code, response.content, headers.get("Retry-After", ""), headers.get("Date", ""))
