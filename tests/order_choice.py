"""Where the choices of a played world come from: a seed, a search, or nowhere."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

_T = TypeVar("_T")


class Chooser(Protocol):
    """Something that chooses, such as `random.Random`."""

    def choice(self, options: Sequence[_T], /) -> _T: ...


class FirstOption:
    """Always the first: nothing is hidden, torn or late unless a test says so."""

    def choice(self, options: Sequence[_T], /) -> _T:
        return options[0]
