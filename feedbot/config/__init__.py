"""config.yaml into a Config, or all its problems at once.

Owns what can be set, and how it is said when something is wrong. Knows the folders by name only: whether they
are there, and what is in them, is for others to find out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct
from pydantic import BaseModel, SecretStr, ValidationError

from feedbot import model
from feedbot.config.bucket import SCHEME, BucketAccess, BucketAddress, bucket_access
from feedbot.config.feeds import FeedsSettings, NamedFeedSettings, TopicSettings
from feedbot.config.paths import file_address
from feedbot.config.problems import Flaw, InvalidConfig, OptionPath, Problem, dotted, value_at
from feedbot.config.rules import broken_rules
from feedbot.config.schema import json_schema, spot
from feedbot.config.sections import (
    AnnounceSettings,
    ContentSettings,
    ScheduleSettings,
    ServeSettings,
    SiteSettings,
    StoreSettings,
)
from feedbot.config.settings import Settings
from feedbot.config.targets import HUB, Hub, Target
from feedbot.config.trouble import flaw_of
from feedbot.config.values import Cron
from feedbot.config.variables import Unknown, Variables
from feedbot.errors import ConfigError
from feedbot.yamltree import Tree, YamlError
from feedbot.yamltree import load as load_yaml

__all__ = [
    "BucketAccess", "BucketAddress", "Config", "Cron", "Hub", "InvalidConfig", "NamedFeedSettings",
    "Problem", "Target", "TopicSettings", "database_url", "digest_of", "file_address", "json_schema", "load",
]  # fmt: skip

MAX_BYTES = 1024 * 1024  # of config.yaml
DATABASE_URL = "DATABASE_URL"  # the variable that wins over store.url, as hosting platforms set it
SHORTEST_HEADER = 4  # characters of a header's value that can be a secret
_HUB_URL = ("feeds", "hub")
_STORE_URL = ("store", "url")


class Config(Struct, frozen=True, kw_only=True):
    """A configuration that holds together: values are checked, variables expanded, paths absolute."""

    path: Path  # the file
    site: SiteSettings
    content: ContentSettings
    feeds: FeedsSettings
    serve: ServeSettings
    schedule: ScheduleSettings
    store: StoreSettings
    announce: AnnounceSettings
    targets: tuple[Target, ...]
    access: BucketAccess  # to the bucket that `feeds.path` names, if it names one
    lines: Mapping[str, int]  # of the file, on which each target begins, by its name
    digest: bytes  # of the file as it was read, by which `digest_of` knows it again

    @property
    def folder(self) -> Path:
        """The folder of the file, to which its paths are relative."""
        return self.path.parent

    def shown(self, path: Path) -> str:
        """`path` as the operator knows it: relative to the folder of the file where it lies below it."""
        below = path.is_relative_to(self.folder)
        return path.relative_to(self.folder).as_posix() if below else path.as_posix()

    @property
    def hub(self) -> Hub | None:
        """The WebSub hub as a target, if there is one; not among `targets`, which are told of articles."""
        return Hub(url=self.feeds.hub, delay=self.feeds.hub_delay) if self.feeds.hub else None

    @property
    def all_targets(self) -> tuple[Target | Hub, ...]:
        """All that deliveries go to: the targets, and the hub after them."""
        return (*self.targets, self.hub) if self.hub else self.targets

    def target(self, name: str) -> Target | Hub:
        """The target `name`, which may be the hub. Raises ConfigError."""
        for target in self.all_targets:
            if target.name == name:
                return target
        names = ", ".join(target.name for target in self.all_targets)
        there = f"there are: {names}" if names else "there are none"
        raise ConfigError(f"config.yaml has no target {name!r}; {there}")

    def secrets(self) -> frozenset[str]:
        """Every secret in the configuration, so that logs can leave them out."""
        password = urlsplit(self.store.url.get_secret_value()).password
        ours = _secrets_in([self.targets, self.serve, self.access.secret, self.access.token])
        return frozenset(filter(None, [*ours, password]))

    def site_model(self) -> model.Site:
        """What all feeds of the site share."""
        site = self.site
        author = model.Author(name=site.author.name, url=site.author.url) if site.author else None
        return model.Site(
            title=site.title,
            url=site.url,
            feeds_url=site.feeds_url,
            id_base=site.id_base,
            description=site.description,
            language=site.language,
            author=author,
            icon=site.icon,
            logo=site.logo,
            hub=self.feeds.hub,
        )


def _secrets_in(value: object) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        yield from _secrets_in([getattr(value, name) for name in type(value).model_fields])
    elif isinstance(value, dict):
        # Headers: `X-Stage: 2` holds none, and would be found in every other number.
        yield from (text for text in _secrets_in(list(value.values())) if len(text) >= SHORTEST_HEADER)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _secrets_in(part)


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Read the configuration at `path`, with the variables in `environ`.

    Raises ConfigError where there is no file to read, and InvalidConfig, a ConfigError with every problem,
    where the file cannot be used.
    """
    # A folder with `..` in it is the beginning of no path: every file would be called by its whole one.
    folder = path.parent.resolve() if ".." in path.parts else path.parent.absolute()
    file = folder / path.name
    content = _read(path)
    tree = _parsed(content, str(path))
    variables = Variables(environ, folder)
    written = tree.value if tree.value is not None else {}
    data, flaws = variables.expand(written)
    data, from_environment = _with_database(data, variables, flaws)
    settings, found = _validated(data, folder)
    found += broken_rules(data, folder)
    flaws += [*_empty_variables(written, variables, {flaw.path for flaw in found}), *found]
    access, problems = _access(data, variables)
    if flaws or problems or settings is None:
        told = _problems(flaws, tree, written, str(path), from_environment)
        raise InvalidConfig([*told, *problems])
    sections = {name: getattr(settings, name) for name in Settings.model_fields}
    lines, digest = _lines_of_targets(settings, tree), _digest(content)
    return Config(path=file, **sections, access=access, lines=lines, digest=digest)


def digest_of(path: Path) -> bytes | None:
    """What tells whether the file at `path` says something else now; None while it cannot be read."""
    try:
        return _digest(_read(path))
    except ConfigError:
        return None


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _lines_of_targets(settings: Settings, tree: Tree) -> dict[str, int]:
    places = {target.name: ("targets", number) for number, target in enumerate(settings.targets)}
    found = {name: tree.place(path) for name, path in {**places, HUB: _HUB_URL}.items()}
    return {name: place[0] for name, place in found.items() if place}


def database_url(text: str, environ: Mapping[str, str], folder: Path) -> str:
    """The address of a database that is given as in `store.url`, or as the path of a file in `folder`.

    Raises ConfigError, without the address, if it is none.
    """
    given, flaws = Variables(environ, folder).expand(text)
    url = given if "://" in given else file_address(given)
    if not flaws:
        try:
            found = StoreSettings.model_validate({"url": url}, context={"folder": folder})
        except ValidationError as error:
            flaws = [flaw_of(one, {}) for one in error.errors(include_url=False)]
        else:
            return found.url.get_secret_value()
    raise ConfigError("; ".join(f"{what} ({hint})" if hint else what for _, what, hint in flaws))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path} is not there; `feedbot init` writes one, --config names another") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_BYTES} bytes; is it the right file?")
    return content


def _parsed(content: bytes, file: str) -> Tree:
    """The file's content with the places of its keys. Raises InvalidConfig."""
    refused: Problem
    try:
        tree = load_yaml(content.decode("utf-8-sig"))
    except YamlError as error:
        refused = Problem(file=file, line=error.line, column=error.column, what=error.what, hint=error.hint)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        refused = Problem(file=file, line=line, what="not text in UTF-8", hint="save the file as UTF-8")
    else:
        return tree
    raise InvalidConfig([refused])


def _empty_variables(written: Any, variables: Variables, wrong: Container[OptionPath]) -> Iterator[Flaw]:
    """Variables that are set and empty where that leads to something wrong; in a secret it always does."""
    for path, name in variables.empty_in(written):
        if path in wrong or spot(path, written).is_secret:
            yield Flaw(path, f"the variable {name} is empty", "give it its value")


def _with_database(data: Any, variables: Variables, flaws: list[Flaw]) -> tuple[Any, bool]:
    """`data` with the database that the environment names; whether it names one."""
    try:
        url = variables.get(DATABASE_URL)
    except Unknown as unknown:
        flaws.append(Flaw(_STORE_URL, *unknown.args))
        return data, True
    store = (data.get("store") or {}) if isinstance(data, dict) else None
    if not url or not isinstance(store, dict):
        return data, False
    flaws[:] = [flaw for flaw in flaws if flaw.path != _STORE_URL]  # what is written there is not in force
    return {**data, "store": {**store, "url": url}}, True


def _access(data: Any, variables: Variables) -> tuple[BucketAccess, list[Problem]]:
    """How the bucket is reached, where feeds go to one; else the variables are none of our business."""
    place = value_at(data, ("feeds", "path"))
    is_bucket = isinstance(place, str) and place.startswith(SCHEME)
    return bucket_access(variables) if is_bucket else (BucketAccess(), [])


def _validated(data: Any, folder: Path) -> tuple[Settings | None, list[Flaw]]:
    try:
        return Settings.model_validate(data, context={"folder": folder}), []
    except ValidationError as error:
        errors = error.errors(include_url=False)
        return None, [flaw_of(found, data) for found in errors if not _is_echo(found)]


def _is_echo(error: Mapping[str, Any]) -> bool:
    """Whether a list is called too short only because of items in it that are wrong, as is said anyway."""
    return error["type"] == "too_short" and bool(error["input"])


def _problems(
    flaws: Iterable[Flaw], tree: Tree, written: Any, file: str, from_environment: bool
) -> list[Problem]:
    """Flaws at their places, in the order of the file; the first of those that lie at one option."""
    problems: dict[OptionPath, Problem] = {}
    for path, what, hint in flaws:
        said = f"{what}{_shown(path, tree, written)}"
        if path == _STORE_URL and from_environment:
            problem = Problem(file=f"{DATABASE_URL} in the environment", what=what, hint=hint)
        else:
            line, column = tree.place(path) or (1, 1)
            problem = Problem(file=file, line=line, column=column, path=dotted(path), what=said, hint=hint)
        problems.setdefault(path, problem)
    return sorted(problems.values(), key=lambda problem: (problem.line or 0, problem.column or 0))


def _shown(path: OptionPath, tree: Tree, written: Any) -> str:
    """`, got VALUE` as it stands in the file, if it is short and no secret."""
    value = value_at(written, path)
    is_reference = isinstance(value, str) and re.fullmatch(r"\$\{\w+\}", value)
    has_password = isinstance(value, str) and re.search(r":/+[^/]*@", value)
    if value in (None, [], {}) or has_password or not (is_reference or spot(path, written).shown):
        return ""
    if isinstance(value, dict | list):
        return f", got a {'mapping' if isinstance(value, dict) else 'list'}"
    is_plain = isinstance(value, str) and value.isprintable() and "'" not in value
    text = tree.spelled(path) or (f"'{value}'" if is_plain else repr(value))  # \n as it stands there
    return f", got {text if len(text) <= 60 else text[:57] + '...'}"
