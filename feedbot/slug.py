"""From a topic's name to a folder name that every disk and every URL can carry. Pure; the registry of slugs
given is the store's.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable

MAX_BYTES = 80  # leaves room for a suffix and the document's name in the 255 bytes of common file systems

SIGNS = {"+": " plus ", "#": " sharp ", "&": " and ", "@": " at ", "%": " percent "}

# Names that other documents of the output folder have, now or by design.
OWN_NAMES = frozenset(
    {"rss", "atom", "feed", "feeds", "index", "opml", "static", "archive", "status", "healthz", "metrics"}
)
# https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file: reserved with any extension
DEVICE_NAMES = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{port}{number}" for port in ("com", "lpt") for number in range(10)}
)
RESERVED = OWN_NAMES | DEVICE_NAMES


def slugify(name: str) -> str:
    """The slug that `name` asks for: letters and digits of any script, joined by single hyphens.

    Never empty, at most `MAX_BYTES` of UTF-8, in NFC, without case, and never a reserved name. Two names may
    ask for the same slug: `free_name` tells them apart.
    """
    text = unicodedata.normalize("NFKC", name).casefold().strip()
    text = re.sub(r"^\.(?=\w)", "dot ", text)  # .NET is not NET
    for sign, word in SIGNS.items():
        text = text.replace(sign, word)
    kept = "".join(char if _belongs(char) else "-" for char in unicodedata.normalize("NFC", text))
    slug = cut_bytes(re.sub("-+", "-", kept).strip("-"), MAX_BYTES).strip("-")
    if not any(char.isalnum() for char in slug) or slug in RESERVED:
        return f"topic-{slug or hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"
    return slug


def free_name(wanted: str, is_taken: Callable[[str], bool], sign: str = "-") -> str:
    """`wanted`, or that with `sign` and a number from 2 on, that is not taken.

    The first such number, unless some before it were skipped: it is found by doubling and halving, for there
    may be thousands, and each may be a question to the database.
    """
    if not is_taken(wanted):
        return wanted
    free = 2
    while is_taken(f"{wanted}{sign}{free}"):
        free *= 2
    below = free // 2  # taken, here and later
    while free - below > 1:
        middle = (below + free) // 2
        if is_taken(f"{wanted}{sign}{middle}"):
            below = middle
        else:
            free = middle
    return f"{wanted}{sign}{free}"


def cut_bytes(text: str, limit: int) -> str:
    """The longest beginning of `text` that has at most `limit` bytes of UTF-8."""
    return text.encode("utf-8")[:limit].decode("utf-8", "ignore")


def _belongs(char: str) -> bool:
    # Marks are part of letters in many scripts (Devanagari vowels, combining accents).
    return unicodedata.category(char)[0] in "LMN"
