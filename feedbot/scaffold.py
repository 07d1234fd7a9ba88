"""`feedbot init`: a configuration and a first article, and never over anything that is there."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from feedbot.errors import ConfigError

CONFIG = """\
# Every option: docs/configuration.md, or `feedbot schema` for your editor.
site:
  title: {title}
  url: {url}                              # where people read
  feeds_url: http://127.0.0.1:8000/       # where feeds/ will be reachable; set it before anyone subscribes
  id_base: "{id_base}"                    # begins the id of every article: never change it
content:
  path: content
feeds:
  path: feeds
"""

ARTICLE = """\
---
title: The first article
excerpt: Edit this file, or drop others beside it, and look at the feeds again.
publishedDateTime: {now:%Y-%m-%dT%H:%M:%SZ}
topics: [News]
---

Any **Markdown** will do.
"""


def scaffold(folder: Path, *, title: str, url: str) -> list[Path]:
    """Write config.yaml and content/first.md into `folder`; returns what was written.

    Raises ConfigError when there is a config.yaml already, or `url` is no web address.
    """
    config = folder / "config.yaml"
    if config.exists():
        raise ConfigError(f"{config} exists already, and was left as it is. Edit it, or init another folder")
    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ConfigError(f"{url!r} is no web address: give one such as https://news.example.com/")
    now = datetime.now(UTC)
    values = {
        "title": _quoted(title),
        "url": _quoted(url if url.endswith("/") else f"{url}/"),
        "id_base": f"tag:{address.hostname},{now.year}:",
    }
    files = {config: CONFIG.format(**values)}
    first = folder / "content" / "first.md"
    if not first.parent.exists():
        files[first] = ARTICLE.format(now=now)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(files)


def _quoted(text: str) -> str:
    """`text` as a double-quoted YAML scalar, which is how JSON writes it, too."""
    return json.dumps(text, ensure_ascii=False)
