"""
From the name of a series to whoever tells it. The libraries are of the extra `external` and imported where one is used.

Keys come as values and go into the clients; nothing here prints, logs or stores one.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from msgspec import Struct

from bot.adapters.external.asking import PAUSES_S, Asking, whole_feed, whole_json
from bot.adapters.external.collecting import CurrentSource, RangedSource
from bot.adapters.external.series_store import SeriesName
from bot.core.errors import ConfigError

Source: TypeAlias = RangedSource | CurrentSource

SERIES: Final = (
    "coingecko/COIN.market_cap",
    "coingecko/COIN.volume",
    "coinmetrics/ASSET.METRIC",
    "alternative.me/fear_greed",
    "rss/NAME",
)
"""What can be collected; `candlewick external download --help` says what each is."""


class Keys(Struct, frozen=True):
    """What paid or free plans are entered with; empty where there is none. Never shown."""

    coingecko_demo: str = ""
    coingecko_pro: str = ""
    coinmetrics: str = ""

    def __repr__(self) -> str:
        return "Keys(***)"


def open_source(
    series: SeriesName,
    keys: Keys,
    now_ms: Callable[[], int],
    address: str = "",
    *,
    pauses_s: Sequence[float] = PAUSES_S,
    sleep: Callable[[float], None] = time.sleep,
) -> Source:
    """
    Find who tells a series.

    Args:
        series: Which.
        keys: Of the plans that the user has.
        now_ms: Tells the time.
        address: Of a feed; for the others, where to ask instead of their own address.
        pauses_s: Pauses between tries.
        sleep: Waits between two tries.

    Raises:
        ConfigError: Nobody tells such a series, a feed has no address, or the libraries are not installed.
    """
    whole = whole_feed if series.source == "rss" else whole_json
    asking = Asking(str(series), whole, pauses_s=pauses_s, sleep=sleep)
    try:
        return _opened(series, keys, now_ms, address, asking)
    except ImportError as error:
        raise ConfigError(f"{error.name} is not installed: install candlewick[external] to collect {series}") from error


def _opened(series: SeriesName, keys: Keys, now_ms: Callable[[], int], address: str, asking: Asking) -> Source:
    whom, _, what = series.name.rpartition(".")
    match series.source:
        case "coingecko" if whom:
            from bot.adapters.external.market_caps import Figure, MarketFigures
            from bot.adapters.external.patient_http import PatientClient

            if what not in (figure.value for figure in Figure):
                raise ConfigError(f"CoinGecko is asked for {' or '.join(Figure)} of a coin, not for {what}")
            return MarketFigures(
                whom,
                Figure(what),
                PatientClient(asking),
                now_ms,
                demo_key=keys.coingecko_demo,
                pro_key=keys.coingecko_pro,
                address=address,
            )
        case "coinmetrics" if whom:
            from bot.adapters.external.onchain import OnChainMetric

            return OnChainMetric(whom, what, asking, now_ms, key=keys.coinmetrics, address=address)
        case "alternative.me" if series.name == "fear_greed":
            from bot.adapters.external.fear_greed import ADDRESS, FearGreed
            from bot.adapters.external.patient_http import PatientClient

            return FearGreed(PatientClient(asking), now_ms, address or ADDRESS)
        case "rss":
            from bot.adapters.external.news import NewsFeed
            from bot.adapters.external.patient_http import PatientClient

            if not address:
                raise ConfigError(f"where is the feed of {series}? Give its address with --url")
            return NewsFeed(series, PatientClient(asking), now_ms, address)
        case _:
            raise ConfigError(f"nobody is known who tells {series}; what can be collected: {', '.join(SERIES)}")
