"""Entries as they are printed: what each document shows of one, as bytes, made once for all that show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from feedbot.model import Format


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """An entry as the documents of a feed show it."""

    updated: datetime
    items: Mapping[Format, bytes]
    story: bytes  # on the page for people; empty for an archive, which has none
