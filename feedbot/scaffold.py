"""`feedbot init`: a configuration and a first article, and never over anything that is there."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from feedbot.config import InvalidConfig, load
from feedbot.errors import ConfigError

CONFIG = """\
# `feedbot schema` prints every option with what it means, for your editor, too.

site:
  title: {title}
  # Where people read.
  url: {url}
  # Where the folder feeds/ will be reachable. Feeds name themselves by it: set it before anyone subscribes.
  feeds_url: http://127.0.0.1:8000/
  # The id of every article begins with it: never change it.
  id_base: {id_base}

content:
  path: {path}

feeds:
  path: feeds

# Where new articles are announced, once each. Types: webhook, slack, discord, teams, mattermost, mastodon.
# Secrets stay in the environment. `feedbot targets test NAME` tries one.
# targets:
#   - name: partners
#     type: webhook
#     url: ${{PARTNERS_URL}}
#     secret: ${{PARTNERS_SECRET}}
#   - name: toots
#     type: mastodon
#     base_url: https://mastodon.example/
#     token: ${{MASTODON_TOKEN}}
"""

ARTICLE = """\
---
title: The first article
excerpt: Edit this file, or drop others beside it, and look at the feeds again.
publishedDateTime: {now:%Y-%m-%dT%H:%M:%SZ}
topics: [News]
# Whatever the file is called later, this stays the same article. Each has an id of its own.
id: first.md
---

Any **Markdown** will do.
"""


def refuse_existing(folder: Path) -> None:
    """Raise ConfigError when `folder` has a config.yaml already, or something in the way of one."""
    config, content = folder / "config.yaml", folder / "content"
    if config.exists() or config.is_symlink():
        raise ConfigError(f"{config} exists already, and was left as it is. Edit it, or init another folder")
    if (content.exists() or content.is_symlink()) and not content.is_dir():
        raise ConfigError(f"{content} is no folder: articles lie there. Move it away, or init another folder")


def folder_of_articles(folder: Path) -> Path:
    """Where the articles of a newsroom in `folder` are: in `_posts` if only Jekyll's folder is there."""
    content, posts = folder / "content", folder / "_posts"
    return posts if posts.is_dir() and not content.exists() else content


def require_address(url: str) -> str:
    """`url` as the address of a folder. Raises ConfigError when it is no web address."""
    try:
        address = urlsplit(url)
        found = address.scheme in ("http", "https") and address.hostname
    except ValueError:
        found = None
    if not found:
        likely = (
            f"https://{url}/" if re.fullmatch(r"[\w.-]+\.[a-z]{2,}", url) else "https://news.example.com/"
        )
        raise ConfigError(f"{url!r} is no web address: give one such as {likely}")
    return url if url.endswith("/") else f"{url}/"


def scaffold(folder: Path, *, title: str, url: str) -> list[Path]:
    """Write config.yaml and, where there is no content yet, content/first.md into `folder`.

    Returns what was written. Raises ConfigError when something is in the way, when the folder cannot be
    written, and when the configuration would not be a good one, which is not left behind.
    """
    refuse_existing(folder)
    now = datetime.now(UTC)
    config, articles = folder / "config.yaml", folder_of_articles(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_new(config, _config_text(title.strip(), require_address(url), now.year, articles.name))
        _require_good(config)
        if articles.is_dir():
            return [config]
        articles.mkdir()
        first = articles / "first.md"
        _write_new(first, ARTICLE.format(now=now))
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename or folder}: {error.strerror}") from error
    return [config, first]


def next_step(folder: Path) -> str:
    """What to type after `scaffold`."""
    where = "" if folder == Path() else f"cd {shlex.quote(str(folder))} && "
    return f"Next: {where}feedbot run --serve"


def _config_text(title: str, url: str, year: int, path: str) -> str:
    host = urlsplit(url).hostname or ""
    try:
        ascii_host = host.encode("idna").decode("ascii")
    except UnicodeError:
        ascii_host = host
    id_base = f"tag:{ascii_host},{year}:"
    return CONFIG.format(title=_quoted(title), url=_quoted(url), id_base=_quoted(id_base), path=path)


def _quoted(text: str) -> str:
    """`text` as a double-quoted YAML scalar on one line."""
    return str(yaml.safe_dump(text, default_style='"', allow_unicode=True, width=float("inf"))).strip()


def _write_new(path: Path, text: str) -> None:
    """Write `path`, which must not exist: not even if it came a moment ago."""
    with path.open("x", encoding="utf-8") as file:
        file.write(text)


def _require_good(config: Path) -> None:
    """Raise ConfigError, and remove `config` again, unless feedbot can use it."""
    try:
        load(config, {})
    except ConfigError as error:
        config.unlink()
        if not isinstance(error, InvalidConfig):
            raise
        wrong = "; ".join(f"{problem.path} {problem.what}" for problem in error.problems)
        raise ConfigError(f"no configuration was written: {wrong}") from error
