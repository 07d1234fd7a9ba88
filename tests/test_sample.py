"""The sample newsroom that comes with feedbot, and what README.md promises about it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from console import at_once

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A checkout's sample, not built yet."""
    shutil.copy(ROOT / "config.yaml", tmp_path)
    shutil.copytree(ROOT / "content", tmp_path / "content")
    return tmp_path


def built(sample: Path) -> Path:
    """The output folder after one pass."""
    done = at_once("build", folder=sample)
    assert done.returncode == 0, done.stderr
    return sample / "feeds"


def titles(document: Path) -> list[str]:
    return [item["title"] for item in json.loads(document.read_bytes())["items"]]


def test_the_sample_has_nothing_to_mend(sample: Path) -> None:
    done = at_once("check", "--json", folder=sample)
    assert done.returncode == 0
    assert [finding for finding in json.loads(done.stdout)["findings"] if finding["level"] != "info"] == []


def test_every_published_article_of_the_sample_is_in_the_feeds_and_no_other(sample: Path) -> None:
    shown = titles(built(sample) / "feed.json")
    assert len(shown) == 6
    assert not any("parking permit" in title or "time capsule" in title for title in shown)


def test_topics_that_look_alike_have_feeds_of_their_own(sample: Path) -> None:
    feeds = built(sample)
    titles_of = {json.loads(path.read_bytes())["title"]: titles(path) for path in feeds.glob("*/feed.json")}
    assert [len(found) for title, found in titles_of.items() if "C++" in title] == [1]
    assert [len(found) for title, found in titles_of.items() if "C#" in title] == [1]


def test_the_secured_text_stays_in_its_file(sample: Path) -> None:
    sources = (sample / "content").iterdir()
    secured = re.search(
        r'^secured: "(.{40})', "".join(path.read_text("utf-8") for path in sources), re.MULTILINE
    )
    assert secured
    built(sample)
    written = [
        path for folder in ("feeds", ".feedbot") for path in (sample / folder).rglob("*") if path.is_file()
    ]
    assert len(written) > 20
    assert [path for path in written if secured[1].encode() in path.read_bytes()] == []


def test_the_article_that_the_readme_asks_for_appears_in_its_feeds(sample: Path) -> None:
    built(sample)
    article = re.search(r"^```markdown\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert article
    (sample / "content/hello.md").write_text(article[1], encoding="utf-8")
    feeds = built(sample)
    for document in ("feed.json", "robotics/feed.json", "greetings/feed.json"):
        assert titles(feeds / document)[0] == "Hello, feeds"


def test_the_readme_lists_every_command(tmp_path: Path) -> None:
    told = set(re.findall(r"^\| `feedbot (\w+)", README, re.MULTILINE))
    helped = at_once("--help", folder=tmp_path).stdout.partition("Commands:")[2]
    assert told == set(re.findall(r"^  (\w[\w-]*)", helped, re.MULTILINE))
