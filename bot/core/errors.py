"""
The exceptions of Candlewick, by what the reader of the message should do.

    CandlewickError
      ConfigError       a setting or an argument is wrong: mend it and start again
      DataError         a candle, a file or a frame that cannot be true: never guessed at
      ModelError        a bundle that is damaged, foreign or does not reproduce itself
      JournalError      a run that cannot be opened, trusted or gone on with
      StorageError      the disk refused: nothing that was written before is lost
      VenueError        an exchange said no, or said nothing
        VenueUnavailable  worth trying again, with patience

A business "no" (a denied intent, a rejected order) is a value with a reason, never an exception.
"""


class CandlewickError(Exception):
    """Every error that ends in one sentence for a person. `exit_code` is the process's answer."""

    exit_code = 1


class ConfigError(CandlewickError):
    """A setting or an argument is wrong."""

    exit_code = 2


class DataError(CandlewickError):
    """Data that cannot be true, or cannot be understood."""

    exit_code = 3


class ModelError(CandlewickError):
    """A model bundle that must not be used."""

    exit_code = 4


class JournalError(CandlewickError):
    """A run whose journal cannot be opened, trusted or continued."""

    exit_code = 5


class VenueError(CandlewickError):
    """An exchange refused, or cannot be understood."""

    exit_code = 6


class VenueUnavailable(VenueError):
    """An exchange that cannot be reached now."""


class StorageError(CandlewickError):
    """The disk is full, read-only or gone."""

    exit_code = 7
