"""Groups of verbs whose help says of each the whole first sentence."""

from typing import Final

import click

_WHOLE: Final = 10_000
"""Letters of a sentence, none of which is ever left out."""


class WholeGroup(click.Group):
    """A group that breaks what its commands do into lines, where click would cut it off."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their first sentences."""
        named = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(_WHOLE)) for name, one in named if one is not None])
