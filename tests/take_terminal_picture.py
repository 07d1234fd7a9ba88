"""Takes the README's picture of the terminal: real commands on a real terminal, over the sample newsroom.

`python tests/take_terminal_picture.py` writes docs/pictures/terminal.svg. What is shown really happens: two
articles are announced to a webhook and to a server that speaks Mastodon's language, once in vain.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path

import yaml
from fediverse import fediverse
from receiver import Reply, receiving
from terminal import Shown, feedbot, on_terminal

from feedbot.report.fit import width_of

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "pictures" / "terminal.svg"
COMMANDS = (
    ["status"],
    ["deliveries", "list"],
    ["preview", "content/toaster.md", "--target", "toots"],
)
ANNOUNCED = {"hello.md": "Hello, feeds", "kettle.md": "A kettle that files its own bug reports"}
NEXT = {"toaster.md": "Toaster passes its first code review"}

COLUMNS = 80
LINE, COLUMN, SIZE, MARGIN = 20.0, 8.4, 14, 18.0  # pixels
PAPER, INK = "#14161b", "#d7dce3"
INKS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341"}
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
STYLE = re.compile(r"\x1b\[([\d;]*)m")


def shown() -> list[Shown]:
    """What the commands show, a little after the articles were saved."""
    with tempfile.TemporaryDirectory() as scratch, receiving() as receiver, fediverse() as server:
        folder = Path(scratch)
        shutil.copytree(ROOT / "content", folder / "content")
        config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
        config["targets"] = [
            {"name": "partners", "type": "webhook", "url": receiver.url, "unsigned": True},
            {"name": "toots", "type": "mastodon", "base_url": server.url, "token": server.token},
        ]
        (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        assert feedbot("build", folder=folder).returncode == 0
        receiver.replies += [Reply(204), Reply(500)]
        for name, title in ANNOUNCED.items():
            write(folder / "content" / name, title)
            assert feedbot("run", "--once", folder=folder).returncode == 0
        (folder / "content" / "draft.md").write_text("---\ntitle: [Unfinished\n---\n", encoding="utf-8")
        assert feedbot("build", folder=folder).returncode == 0
        for name, title in NEXT.items():
            write(folder / "content" / name, title)
        return on_terminal(*COMMANDS, folder=folder, columns=COLUMNS)


def write(path: Path, title: str) -> None:
    """Save an article of today."""
    front = {
        "title": title,
        "publishedDateTime": (datetime.now(UTC) - timedelta(minutes=5)).isoformat(timespec="seconds"),
        "webUrl": f"https://news.example.com/{path.stem}/",
        "topics": ["Robotics"],
    }
    path.write_text(f"---\n{yaml.safe_dump(front)}---\n\nWords.\n", encoding="utf-8")


# --- drawing ---


def draw(lines: list[str]) -> str:
    """Lines with the terminal's own marks for colours as an SVG."""
    width, height = COLUMNS * COLUMN + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN
    runs = [run for row, line in enumerate(lines) for run in _runs(line, MARGIN + (row + 0.75) * LINE)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}"'
        f' height="{height:g}" role="img">\n'
        f"<title>feedbot status, feedbot deliveries list and feedbot preview in a terminal</title>\n"
        f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>\n'
        f'<g font-family="{FONT}" font-size="{SIZE}" fill="{INK}" xml:space="preserve">\n'
        + "\n".join(runs)
        + "\n</g>\n</svg>\n"
    )


def _runs(line: str, y: float) -> Iterator[str]:
    """The parts of a line that look alike, each in its place whatever the font's widths are."""
    marks = [None, *STYLE.finditer(line)]
    ends = [*(mark.start() for mark in marks if mark), len(line)]
    column, style = 0, ""
    for mark, end in zip(marks, ends, strict=True):
        if mark:
            style = mark[1]
        for word in re.finditer(r"\S+(?: \S+)*| +", line[mark.end() if mark else 0 : end]):
            if word[0].strip():
                yield _run(word[0], column, y, style)
            column += width_of(word[0])


def _run(text: str, column: int, y: float, style: str) -> str:
    look = f' fill="{INKS[style]}"' if style in INKS else ""
    look += ' font-weight="bold"' if style == "1" else ""
    x, length = MARGIN + column * COLUMN, width_of(text) * COLUMN
    place = f'x="{x:.1f}" y="{y:.1f}" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs"'
    return f"<text {place}{look}>{escape(text, quote=False)}</text>"


def picture() -> str:
    """The whole of it."""
    lines: list[str] = []
    for words, one in zip(COMMANDS, shown(), strict=True):
        lines += [f"$ \x1b[1mfeedbot {' '.join(words)}\x1b[0m", *one.raw.splitlines(), ""]
    return draw(lines[:-1])


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture(), encoding="utf-8")
