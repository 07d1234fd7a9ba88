"""Every error that feedbot raises for a person to read.

    FeedbotError
    ├── ConfigError        config.yaml cannot be used
    ├── ContentError       the content folder as a whole cannot be trusted
    ├── StoreError         the database cannot be used
    │   └── StandbyError   not now: another feedbot makes the passes, or the database is away
    ├── PublishError       the output folder cannot be written
    └── ServeError         the address to serve on cannot be had

A broken article is never an exception: it is a `Finding`, and costs only itself.
A message says what is wrong and what to do next.
"""

from __future__ import annotations

import errno


def first_line(error: BaseException) -> str:
    """What an error says, in one line; its kind where it says nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def way_out(error: OSError, usual: str) -> str:
    """What to do about a file that cannot be used: what `usual` says, unless it is no fault of the file's."""
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return "Let feedbot open more files at a time (`ulimit -n`)"
    return usual


class FeedbotError(Exception):
    """feedbot cannot go on."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class ConfigError(FeedbotError):
    """The configuration cannot be used."""

    exit_code = 2


class ContentError(FeedbotError):
    """The content folder cannot be trusted, so nothing was changed."""


class StoreError(FeedbotError):
    """The database cannot be used."""


class StandbyError(StoreError):
    """Another feedbot makes the passes, or the database is away: what was to be done can wait."""


class PublishError(FeedbotError):
    """The output folder cannot be written."""


class ServeError(FeedbotError):
    """The address to serve on cannot be had."""
