"""
Our words on top of VADER's: what moves crypto markets, and what sounds like feeling and is none.

VADER was made for social media, so "plunge", "hack" and "ETF approved" mean little to it, and "trust", "share" and
"block" too much. Valences go from -4 to 4 on its scale. They were set by hand, by meaning, from what headlines are
made of; no price was looked at. Changing a word changes the version of the scores.
"""

from collections.abc import Mapping
from typing import Final


def _weighed(*groups: tuple[float, str]) -> Mapping[str, float]:
    return {word: valence for valence, words in groups for word in words.split()}


WORDS: Final = _weighed(
    (-3.4, "hack hacks hacker hackers ponzi bankruptcy insolvent insolvency depeg depegs depegged depegging"),
    (-3.0, "plunge plunges plunged plunging crashes crashed crashing collapsing plummet plummets plummeted plummeting"),
    (-3.0, "theft launder laundering laundered drained exploited exploits exploiter rugpull meltdown bloodbath"),
    (-2.6, "liquidated liquidation liquidations selloff sell-off capitulation contagion indicted convicted fraudulent"),
    (-2.4, "tumble tumbles tumbled tumbling slump slumps slumped nosedive nosedives bearish breakdown jail jailed"),
    (
        -2.2,
        "crackdown sanction sanctions sanctioned sue sues sued bans banning outlaw outlaws outlawed freezing frozen",
    ),
    (-2.0, "halt halts halted halting outage outages delist delists delisted delisting suspends suspending layoffs"),
    (-1.6, "slide slides slid sliding sinks sink sank drops dropped dropping falls fell falling decline declines"),
    (-1.6, "declined declining dip dips dipped outflow outflows bear bears downturn downgrade downgrades dumping"),
    (-1.2, "probe probes probed investigation investigations investigates subpoena subpoenas complaint fined hike"),
    (-1.2, "hikes inflation delays postponed postpones bug bugs vulnerable withdraws slip slips slipped"),
    (3.0, "soar soars soared soaring skyrocket skyrockets skyrocketed surge surges surged surging moon mooning"),
    (2.6, "rally rallies rallied rallying bullish breakout breakouts approves approve approved ath all-time-high"),
    (2.2, "rebound rebounds rebounded recover recovers recovered recovery bull bulls uptrend jump jumps jumped"),
    (
        1.8,
        "inflow inflows adoption adopts adopted climb climbs climbed climbing rise rises rose rising upgrade upgrades",
    ),
    (1.4, "partnership partners integrates integration accumulate accumulates accumulating accumulation outperform"),
    (1.4, "outperforms outperforming raises invests breakthrough milestone record legalize legalizes halving"),
    (
        1.0,
        "launch launches launched unveils highs higher listing lists buys hodl staking reopens resume resumes airdrop",
    ),
    (0.0, "share shares interest trust security securities united credit party like top free block blocks blocked"),
    (0.0, "asset assets treasury energy stable nifty bored ape smart super harmony infinity worth value valued legal"),
    (0.0, "difficulty dominance demand fresh create creates pay support supports token tokens greed fear number play"),
    (0.0, "fun game games gaming gods champion vision well hand natural significant certain burn burns"),
)
"""Single words, small letters. Those at 0 are words of the trade: assets, block trades, Bored Apes, support levels."""

PHRASES: Final[Mapping[str, float]] = {
    "rug pull": -3.4,
    "rug pulls": -3.4,
    "bank run": -3.0,
    "death cross": -2.4,
    "bear market": -2.0,
    "files for bankruptcy": -3.6,
    "halts withdrawals": -3.4,
    "pauses withdrawals": -3.2,
    "suspends withdrawals": -3.4,
    "freezes withdrawals": -3.4,
    "wells notice": -2.6,
    "class action": -2.0,
    "record low": -2.4,
    "extreme fear": -2.0,
    "rate hike": -1.6,
    "rate hikes": -1.6,
    "golden cross": 2.4,
    "bull run": 2.6,
    "record high": 2.8,
    "all-time high": 2.8,
    "etf approval": 3.0,
    "etf approved": 3.0,
    "legal tender": 1.8,
    "rate cut": 1.6,
    "rate cuts": 1.6,
    "extreme greed": 1.0,
    "bear trap": 0.8,
    "bull trap": -1.0,
}
"""Several words that mean something together, small letters."""
