"""`feedbot init`: what it asks and writes, that it works at once, and that it never writes over anything."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from config_cases import SIGNING_SECRET
from console import at_once, invoke
from hypothesis import given
from hypothesis import strategies as st
from terminal import terminal

from feedbot.config import load
from feedbot.errors import ConfigError
from feedbot.scaffold import next_step, scaffold

URL = "https://news.example.com/"


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_on_a_terminal_it_asks_for_the_name_and_the_address_and_for_nothing_else(tmp_path: Path) -> None:
    with terminal("init", folder=tmp_path) as screen:
        screen.read_until("Name of the site [My News]: ")
        screen.type('Harbour "News": today\n')
        screen.read_until("Where people read it [https://example.com/]: ")
        screen.type("harbour.example\n")
        screen.read_until("give one such as https://harbour.example/")
        screen.read_until("[https://example.com/]: ")
        screen.type("https://harbour.example\n")
        assert screen.end() == 0
    assert "wrote config.yaml\nwrote content/first.md\nNext: feedbot run --serve\n" in screen.shown
    site = load(tmp_path / "config.yaml", {}).site
    assert (site.title, site.url) == ('Harbour "News": today', "https://harbour.example/")
    assert re.fullmatch(r"tag:harbour\.example,20\d\d:", site.id_base)


def test_in_a_pipe_it_asks_nothing_and_what_it_writes_works_at_once(tmp_path: Path) -> None:
    done = at_once("init", "my news", "--url", URL, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("Next: cd 'my news' && feedbot run --serve\n")
    news = tmp_path / "my news"
    checked = at_once("check", "-v", folder=news)
    assert (checked.returncode, checked.stdout) == (0, "Checked 1 file: 0 errors, 0 warnings.\n")
    assert at_once("run", "--once", folder=news).returncode == 0
    feed = json.loads((news / "feeds/news/feed.json").read_bytes())
    assert [item["title"] for item in feed["items"]] == ["The first article"]


def test_an_address_that_nobody_gave_is_told_with_what_to_do(tmp_path: Path) -> None:
    done = at_once("init", folder=tmp_path)
    assert done.returncode == 0
    assert "https://example.com/" in done.stderr
    assert "site.url and site.id_base of config.yaml" in done.stderr
    site = load(tmp_path / "config.yaml", {}).site
    assert "example.com" in site.url
    assert "example.com" in site.id_base


def test_an_address_that_was_only_confirmed_is_told_so_as_well(tmp_path: Path) -> None:
    with terminal("init", folder=tmp_path) as screen:
        screen.read_until("Name of the site [My News]: ")
        screen.type("\n")
        screen.read_until("Where people read it [https://example.com/]: ")
        screen.type("\n")
        assert screen.end() == 0
    assert "is only an example. Put yours into site.url and site.id_base" in " ".join(screen.shown.split())


def test_what_it_writes_explains_itself(tmp_path: Path) -> None:
    scaffold(tmp_path, title="News", url=URL)
    config = (tmp_path / "config.yaml").read_text()
    options = re.findall(r"^  (?:#.*\n  )?\w+:", config, re.MULTILINE)
    assert len(options) == 6
    assert "never change it" in config
    assert "feedbot schema" in config
    assert max(map(len, config.splitlines())) <= 110


def test_the_targets_it_shows_work_when_they_are_uncommented(tmp_path: Path) -> None:
    scaffold(tmp_path, title="News", url=URL)
    path = tmp_path / "config.yaml"
    text = path.read_text()
    assert load(path, {}).targets == ()
    before, begin, after = text.partition("# targets:\n")
    path.write_text(before + (begin + after).replace("# ", "", 1).replace("\n# ", "\n"))
    environ = {"PARTNERS_URL": "https://a.example/in", "MASTODON_TOKEN": "not-a-token"}
    targets = load(path, environ | {"PARTNERS_SECRET": SIGNING_SECRET}).targets
    assert [target.type for target in targets] == ["webhook", "mastodon"]


@pytest.mark.parametrize("there", ["config.yaml", "dangling link", "content"])
def test_it_writes_over_nothing(there: str, tmp_path: Path) -> None:
    if there == "dangling link":
        (tmp_path / "config.yaml").symlink_to("elsewhere.yaml")
    else:
        (tmp_path / there).write_text("mine")
    done = at_once("init", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "init another folder" in done.stderr
    assert files(tmp_path) == ({} if there == "dangling link" else {there: "mine"})


def test_articles_that_are_there_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "content").mkdir()
    (tmp_path / "content/mine.md").write_text("---\ntitle: Mine\ndate: 2026-01-01\n---\n")
    done = at_once("init", "--yes", folder=tmp_path)
    assert done.stdout == "wrote config.yaml\nNext: feedbot run --serve\n"
    assert set(files(tmp_path)) == {"config.yaml", "content/mine.md"}


def test_in_the_folder_of_a_jekyll_site_it_takes_the_posts_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "_posts").mkdir()
    (tmp_path / "_posts/2026-01-01-mine.md").write_text("---\ntitle: Mine\n---\n")
    scaffold(tmp_path, title="News", url=URL)
    assert set(files(tmp_path)) == {"config.yaml", "_posts/2026-01-01-mine.md"}
    assert list(load(tmp_path / "config.yaml", {}).content.paths) == [tmp_path / "_posts"]
    assert at_once("check", folder=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("title", "url", "words"),
    [
        ("News", "news.example.com", "no web address"),
        ("News", "ftp://news.example.com/", "no web address"),
        ("News", "https://", "no web address"),
        ("News", "https://[news", "no web address"),
        ("News", "https://news.example.com:99999/", "site.url"),
        ("News", "https://news example/", "site.url"),
        ("News", "https://me:secret@news.example.com/", "site.url"),
        ("News", "https://news.example.com/?page=1", "site.url"),
        ("", URL, "site.title"),
        (" ", URL, "site.title"),
    ],
)
def test_a_name_or_an_address_that_will_not_do_leaves_no_file(
    title: str, url: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = invoke("init", "news", "--title", title, "--url", url)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr
    assert files(tmp_path) == {}


@given(title=st.text(st.characters(exclude_categories=["Cs", "Cc"])).map(str.strip).filter(bool))
def test_any_name_comes_through_as_it_is(title: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("named")
    config, _ = scaffold(folder, title=title, url=URL)
    assert load(config, {}).site.title == title


def test_a_site_in_another_alphabet_gets_ids_in_ascii(tmp_path: Path) -> None:
    scaffold(tmp_path, title="Größe", url="https://münchen.example/pfad")
    site = load(tmp_path / "config.yaml", {}).site
    assert site.id_base.startswith("tag:xn--mnchen-3ya.example,")
    assert site.url.endswith("/pfad/")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(ConfigError, match="taken"):
        scaffold(tmp_path / "taken" / "news", title="News", url=URL)


def test_the_next_step_can_be_pasted_into_a_shell() -> None:
    assert next_step(Path()) == "Next: feedbot run --serve"
    assert next_step(Path("it's here")) == """Next: cd 'it'"'"'s here' && feedbot run --serve"""


def test_its_first_article_stays_the_same_under_another_name(tmp_path: Path) -> None:
    scaffold(tmp_path, title="News", url=URL)
    assert at_once("build", folder=tmp_path).returncode == 0
    (tmp_path / "content/first.md").rename(tmp_path / "content/other.md")
    report = json.loads(at_once("build", "--json", folder=tmp_path).stdout)
    assert (report["renamed"], report["new"], report["withdrawn"]) == (1, 0, 0)
