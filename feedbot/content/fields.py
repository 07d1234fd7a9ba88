"""Which front-matter key means what: the three dialects, and the front matter of one file under their names.

Owns the table of keys and the findings of one file. Knows nothing of what a value should look like: that is
`values`. The fate of each field: docs/front-matter.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

from feedbot.model import Finding, Level
from feedbot.yamltree import Path, Tree

Keys: TypeAlias = Mapping[str, tuple[str, ...]]  # of each field, in order of preference

# How articles are held back, in every dialect: nobody's draft should hang on the right one being chosen.
WITHHELD: Final[Keys] = {
    "draft": ("draft", "isDraft"),
    "status": ("status",),  # Pelican, and what WordPress, Ghost and Drupal export
    "visibility": ("visibility",),  # Ghost, WordPress
    "hidden": ("private", "hidden", "unlisted", "headless", "eleventyExcludeFromCollections"),
    "password": ("password",),
    "build": ("build", "_build"),
    "feed": ("feed",),
}

# What the newsroom of an aggregator writes.
SMARTABLE: Final[Keys] = {
    "id": ("id",),
    "title": ("title", "name"),
    "summary": ("excerpt",),
    "published": ("publishedDateTime",),
    "updated": ("updatedDateTime",),
    "expires": ("expiresDateTime",),
    "link": ("webUrl",),
    "via": ("originalUrl",),
    "amp_link": ("ampWebUrl",),
    "cdn_amp_link": ("cdnAmpWebUrl",),
    "category": ("category",),
    "type": ("type",),
    "language": ("language", "lang"),
    "topics": ("topics",),
    "provider": ("provider",),
    "authors": ("authors", "author"),
    "images": ("images", "image"),
    "related": ("related",),
    "heat": ("heat",),
    "quality": ("quality",),
    "featured": ("featuredContent",),
    "shown": ("published", "publish", "public"),
    "removed": ("removed",),
    **WITHHELD,
}

# https://jekyllrb.com/docs/front-matter/, and the plug-ins that nearly every site has.
JEKYLL: Final[Keys] = {
    "id": ("id",),
    "title": ("title",),
    "summary": ("excerpt", "description"),
    "published": ("date",),
    "updated": ("last_modified_at",),
    "category": ("category",),
    "categories": ("categories",),
    "language": ("lang",),
    "topics": ("tags", "tag"),
    "authors": ("authors", "author"),
    "images": ("image",),
    "permalink": ("permalink",),
    "slug": ("slug",),
    "shown": ("published", "publish", "public"),
    **WITHHELD,
}

# https://gohugo.io/content-management/front-matter/
HUGO: Final[Keys] = {
    "id": ("id",),
    "title": ("title",),
    "summary": ("summary", "description"),
    "published": ("publishDate", "pubDate", "date"),
    "updated": ("lastmod", "modified"),
    "expires": ("expiryDate", "unpublishDate"),
    "category": ("category",),
    "categories": ("categories",),
    "type": ("type",),
    "language": ("language", "lang"),
    "topics": ("tags",),
    "authors": ("authors", "author"),
    "images": ("images", "image"),
    "permalink": ("url",),
    "slug": ("slug",),
    "shown": ("publish", "public"),
    **WITHHELD,
}

# In order of preference where all three are read: Hugo's `publishDate` says more than `date`.
DIALECTS: Final[Mapping[str, Keys]] = {"smartable": SMARTABLE, "hugo": HUGO, "jekyll": JEKYLL}
FIELD_NAMES: Final = frozenset(SMARTABLE) | frozenset(JEKYLL) | frozenset(HUGO)
MAX_FINDINGS = 20  # of one file: who has more has one cause


def fields_of(fields: str | Mapping[str, Sequence[str]] | None) -> Fields:
    """The fields that a dialect knows, or those of all three.

    A mapping gives some fields keys of their own, and leaves the others those of all dialects.
    """
    if isinstance(fields, str) and fields in DIALECTS:
        return Fields(DIALECTS[fields])
    every = {
        name: tuple(key for dialect in DIALECTS.values() for key in dialect.get(name, ()))
        for name in FIELD_NAMES
    }
    if isinstance(fields, Mapping):
        own = {name: (keys,) if isinstance(keys, str) else tuple(keys) for name, keys in fields.items()}
        every |= own
    return Fields(every)


class Fields:
    """Fields, each with its keys. Keys are compared without regard to case."""

    def __init__(self, keys: Keys) -> None:
        self.keys: Keys = {name: tuple(dict.fromkeys(map(str.lower, names))) for name, names in keys.items()}
        self.names = frozenset(key for keys in self.keys.values() for key in keys)


@lru_cache(maxsize=256)  # the files of one origin have the same keys
def _among(fields: Fields, written: tuple[object, ...]) -> Keys:
    """The keys of each field as they are `written` in a file, without fields that have none there."""
    spelled = {key.lower(): key for key in reversed(written) if type(key) is str}
    found = {
        name: tuple(spelled[key] for key in keys if key in spelled) for name, keys in fields.keys.items()
    }
    return {name: keys for name, keys in found.items() if keys}


class Matter:
    """The front matter of one file under the names of fields, and what its author should hear of.

    A key without a value counts as absent.
    """

    def __init__(self, tree: Tree, fields: Fields, name: str) -> None:
        self.findings: list[Finding] = []
        self._tree = tree
        self.keys = _among(fields, tuple(tree.value))  # of the fields that have one in the file
        self._name = name  # of the file, as findings show it

    def get(self, field: str) -> tuple[Path, Any] | None:
        """The first key of `field` that has a value, as a path, and the value."""
        for key in self.keys.get(field, ()):
            value = self._tree.value[key]
            if not _is_empty(value):
                return (key,), value
        return None

    def each(self, field: str) -> Iterator[tuple[Path, Any]]:
        """All keys of `field` that have a value, the preferred one first."""
        for key in self.keys.get(field, ()):
            value = self._tree.value[key]
            if not _is_empty(value):
                yield (key,), value

    def spelled(self, path: Path) -> str | None:
        """How a value that YAML did not take for text is spelled in the file, where that is known."""
        return self._tree.spelled(path)

    def warn(self, path: Path, what: str, hint: str = "", level: Level = Level.WARNING) -> None:
        """Note a finding at the place of `path`, or of what is around it."""
        line, column = self._tree.place(path) or (None, None)
        finding = Finding(path=self._name, what=what, hint=hint, line=line, column=column, level=level)
        if finding not in self.findings and (len(self.findings) < MAX_FINDINGS or level is Level.ERROR):
            self.findings.append(finding)

    def note(
        self, what: str, hint: str = "", *, line: int | None = None, level: Level = Level.WARNING
    ) -> None:
        """Note a finding about the file as a whole, or about a line of its body."""
        self.findings.append(Finding(path=self._name, what=what, hint=hint, line=line, level=level))

    @property
    def is_broken(self) -> bool:
        """Whether a finding says that there is no article in this."""
        return any(finding.level is Level.ERROR for finding in self.findings)


def _is_empty(value: object) -> bool:
    if type(value) is str:
        return not value or value.isspace()
    return value is None or (not value and isinstance(value, list | dict))
