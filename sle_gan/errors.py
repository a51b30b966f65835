"""The errors that a user can cause or meet, each with the exit code that the command line gives it.

Imports nothing, so that every part of the program can raise them.
"""


class SleGanError(Exception):
    """Base of the errors that the command line reports in one line: what is wrong, and how to mend it."""

    exit_code = 1


class InputError(SleGanError, ValueError):
    """The user's arguments, data or run folder cannot be used as they are."""

    exit_code = 2


class TrainingError(SleGanError):
    """Training failed: numbers that are not finite, too little memory."""

    exit_code = 3


class NotFiniteError(TrainingError):
    """A loss or a weight is no longer finite; training can go back to an earlier checkpoint."""


class StorageError(SleGanError):
    """Reading or writing failed: a full disk, a read-only folder, a file that vanished."""

    exit_code = 4


class NothingPrunedWarning(UserWarning):
    """A training has ended before the first time at which a sparse method changes its masks."""
