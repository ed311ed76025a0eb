"""What the files of `candlewick exchange serve` look like, in its own help."""

from typing import Final, get_args

from bot.exchange.faults import AnyFault
from bot.exchange.occasions import Where

ACCOUNTS: Final = """\
[{"account": "main", "secret": "a-secret-of-your-own",
  "api_key":
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
  "balances": {"USDT": "100000"}}]"""

FAULTS: Final = """\
[{"fault": "break answer", "how": "reset",
  "where": {"endpoint": "order", "method": "POST", "times": 1}},
 {"fault": "hang up", "where": {"skip": 20, "chance": 0.1}}]"""


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


HELP: Final = f"""\
\b
--accounts, a list; chmod 600 it. A key has 64 letters and digits, a secret is one word:
{_indented(ACCOUNTS)}

A bot joins with that key in CANDLEWICK_API_KEY and CANDLEWICK_API_SECRET, with this exchange's --speed and --timeframe.

\b
--faults, a list of rules:
{_indented(FAULTS)}

Of "where", everything given must hold: {", ".join(Where.__struct_fields__)}.

Kinds of faults: {", ".join(str(kind.__struct_config__.tag) for kind in get_args(AnyFault))}.

CONTRIBUTING.md says what each of them does, and with which fields.
"""
"""For the end of the verb's help."""
