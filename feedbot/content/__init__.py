"""Content files to articles: `scan` finds files, `fetch` reads them, a `Reader` says what is in them."""

from feedbot.content.reading import Broken, Excluded, Parsed, Read, Reader, Reading
from feedbot.content.withheld import Reason

__all__ = ["Broken", "Excluded", "Parsed", "Read", "Reader", "Reading", "Reason"]
