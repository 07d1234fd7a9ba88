"""The benchmarks: every part measures, and their page tells what was measured."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

ROOT = Path(__file__).parent.parent
BENCHMARKS = ROOT / "benchmarks"
PARTS = ["cold", "idle", "edit", "burst", "start", "endurance", "commands", "shapes"]
SMALL = "--sizes 20 --repeats 1 --edits 1 --burst 4 --endurance 4 --idle-after 0.2 --limit 100".split()  # noqa: SIM905 - as typed


def run(script: str, *arguments: str | Path, path: str = "") -> str:
    """What one of the scripts prints, and what it says of its progress."""
    command = [sys.executable, str(BENCHMARKS / script), *map(str, arguments)]
    environment = {**os.environ, "PATH": path} if path else None
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


# --- the newsroom ---


def newsroom(folder: Path, count: int, *options: str) -> dict[str, bytes]:
    run("corpus.py", folder, str(count), *options)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_small_newsroom_is_the_beginning_of_a_large_one(tmp_path: Path) -> None:
    small, large = newsroom(tmp_path / "small", 40), newsroom(tmp_path / "large", 200)
    assert len(large) == 200
    assert small.items() <= large.items()


def test_most_articles_are_published_and_some_have_a_body(tmp_path: Path) -> None:
    articles = newsroom(tmp_path, 400).values()
    published = sum(b"\npublished: true\n" in text for text in articles)
    with_body = sum(not text.endswith(b"---\n") for text in articles)
    size = sum(map(len, articles)) / len(articles)
    assert 0.8 < published / len(articles) < 0.9
    assert 0.15 < with_body / len(articles) < 0.25
    assert 4_000 < size < 6_000


NAMES = {"date:": "publishedDateTime:", "summary:": "excerpt:", "tags:": "topics:"}
NAMES |= {"status: published": "published: true", "status: draft": "published: false"}


def test_pelican_gets_the_same_articles_under_its_names(tmp_path: Path) -> None:
    ours = newsroom(tmp_path / "ours", 60)
    theirs = newsroom(tmp_path / "theirs", 60, "--fields", "pelican")
    again = {name: as_ours(text.decode()).encode() for name, text in theirs.items()}
    assert again == ours


def as_ours(text: str) -> str:
    text = re.sub(r"^slug: .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^title: .*$", lambda line: html.unescape(line[0]), text, flags=re.MULTILINE)
    return re.sub(f"^({'|'.join(NAMES)})", lambda name: NAMES[name[0]], text, flags=re.MULTILINE)


# --- measuring ---


def measured(tmp_path: Path, part: str, *peers: str, path: str = "") -> tuple[dict[str, Any], str]:
    """The results of one part for a handful of articles, and what was said meanwhile."""
    results, feedbot = tmp_path / "results.json", Path(sys.executable).with_name("feedbot")
    places: list[str | Path] = ["--results", results, "--work", tmp_path, "--feedbot", feedbot]
    said = run("run.py", *places, "--parts", part, *SMALL, "--peers", *peers, path=path)
    return json.loads(results.read_text(encoding="utf-8")), said


@pytest.mark.timeout(400)
@pytest.mark.parametrize("part", PARTS)
def test_every_part_measures_feedbot_and_its_figures_are_in_the_table(part: str, tmp_path: Path) -> None:
    results, _ = measured(tmp_path, part)
    ours = [one for one in results["measured"] if one["program"] in {"feedbot", "worker"}]
    assert ours
    assert all(one["articles"] == 20 for one in ours)
    assert all(value > 0 for one in ours for value in one.get("seconds", one.get("memory")))
    page = report(tmp_path, f"<!-- measured: {ours[0]['part']} -->\n<!-- end -->\n")
    assert re.search(r"^\| .*\b20\b.* \|$", page, re.MULTILINE)
    if part == "burst":
        counted = ours[0]["facts"]
        assert counted["files"] == 4
        assert counted["documents changed"] >= 6  # those of the site, and of at least one topic
        assert counted["writes"] >= counted["documents changed"]


@pytest.mark.timeout(400)
def test_peers_that_are_here_publish_the_same_and_those_that_are_not_are_named(tmp_path: Path) -> None:
    results, _ = measured(tmp_path, "cold", "Jekyll")
    programs = {one["program"] for one in results["measured"]}
    ours = {"feedbot", "feedbot, feeds alone"}
    assert programs == ours | ({"Jekyll"} if shutil.which("jekyll") else set())

    (tmp_path / "results.json").unlink()
    results, said = measured(tmp_path, "cold", "Jekyll", path=str(Path(sys.executable).parent))
    assert {one["program"] for one in results["measured"]} == ours
    assert "Jekyll is missing" in said
    page = report(tmp_path, "<!-- measured: conditions -->\n<!-- end -->\n")
    assert "**Jekyll is missing**" in page
    assert "apt-get install jekyll" in page


# --- telling ---


def report(tmp_path: Path, page: str) -> str:
    """The page with the tables of the results; the charts are beside it."""
    docs = tmp_path / "docs"
    (docs / "pictures").mkdir(parents=True)
    (docs / "benchmarks.md").write_text(page, encoding="utf-8")
    run("report.py", tmp_path / "results.json", "--docs", docs)
    return (docs / "benchmarks.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("script", ["run", "report", "corpus", "deliveries", "workers", "serving", "storing"])
def test_every_script_finds_its_parts(script: str) -> None:
    assert "usage" in run(f"{script}.py", "--help")


def test_the_page_and_its_charts_are_made_of_the_results(tmp_path: Path) -> None:
    shutil.copy(BENCHMARKS / "results.json", tmp_path)
    page = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
    assert report(tmp_path, page) == page
    charts = list((tmp_path / "docs/pictures").iterdir())
    assert charts
    for chart in charts:
        assert chart.name in page
        assert chart.read_bytes() == (ROOT / "docs/pictures" / chart.name).read_bytes()


SVG = "{http://www.w3.org/2000/svg}"
DRAWN = {
    f"{SVG}{name}" for name in ("svg", "title", "desc", "style", "rect", "text", "line", "path", "circle")
}


def test_charts_are_told_to_those_who_cannot_see_them_and_load_nothing(tmp_path: Path) -> None:
    shutil.copy(BENCHMARKS / "results.json", tmp_path)
    report(tmp_path, "")
    for path in (tmp_path / "docs/pictures").iterdir():
        root = etree.parse(path).getroot()
        said = {element.get("id"): element.text for element in root.iter(f"{SVG}title", f"{SVG}desc")}
        assert root.get("role") == "img"
        assert all(said[name] for name in root.get("aria-labelledby", "").split())
        assert {element.tag for element in root.iter()} <= DRAWN
        assert "url(" not in path.read_text(encoding="utf-8")
