"""Manners at a terminal: lines that fit, names that stay whole, colours that only repeat what words say."""

from __future__ import annotations

import json
import re
import subprocess
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from bustle import ATTACK, LONG_NAME, PATHS, TITLES, WIDE_NAME, bustling
from console import Console, at_once
from hypothesis import given
from hypothesis import strategies as st
from newsroom import Newsroom
from postbox import webhook
from take_terminal_picture import COLUMN, INKS, PICTURE, draw
from take_terminal_picture import COMMANDS as SHOWN_IN_PICTURE
from terminal import COLOURS, Shown, command, feedbot, on_terminal, surroundings

from feedbot.report.fit import characters, cut, width_of, wrap
from feedbot.report.lines import legible
from feedbot.terminal import wants_colour

LIST = ("deliveries", "list", "--limit", "500")
SHOW = ("deliveries", "show", "{dead}")
SHOW_ATTACK = ("deliveries", "show", "{attacked}")
COMMANDS = (
    LIST, (*LIST, "-v"), ("deliveries", "list", "--target", WIDE_NAME), SHOW, (*SHOW, "-v"), SHOW_ATTACK,
    ("deliveries", "list", "--article", "marks.md"), ("deliveries", "drop", "--all", "--dry-run"),
    ("targets", "list"), ("targets", "resume", "late"), ("status",), ("status", "-v"), ("check",),
    ("check", "-v"), ("preview", "long.md"), ("preview", "wide.md", "--target", "box"), ("preview", PATHS[1]),
)  # fmt: skip
JSON = ((*LIST, "--json"), ("status", "--json"))
WRONG = (
    ("preview", "nowhere-\x1b[2J.md"), ("deliveries", "show", "zzz"), ("deliveries", "retry", "zzz"),
    ("targets", "test", "nobody"), ("status", "-c", "nowhere/\x1b[2J.yaml"),
)  # fmt: skip
WIDE = 330  # columns, in which every title fits
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")

Words = tuple[str, ...]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A newsroom where much is going on. No test here changes what commands show of it."""
    return bustling(tmp_path_factory.mktemp("bustle") / "newsroom").newsroom.folder


@pytest.fixture(scope="module")
def deliveries(room: Path) -> list[dict[str, Any]]:
    """What is on record."""
    listed = json.loads(at_once(*LIST, "--json", folder=room).stdout)
    found: list[dict[str, Any]] = listed["deliveries"]
    return found


@pytest.fixture(scope="module")
def ids(deliveries: list[dict[str, Any]]) -> dict[str, str]:
    """Deliveries with much to tell."""
    attacked = next(one["id"] for one in deliveries if title_of(one) == ATTACK)
    return {"attacked": attacked, "dead": next(one["id"] for one in deliveries if one["state"] == "dead")}


@dataclass
class Screens:
    """What commands show on terminals of several widths, each asked for once."""

    room: Path
    ids: dict[str, str]
    seen: dict[int, dict[Words, Shown]] = field(default_factory=dict)

    def at(self, columns: int) -> dict[Words, Shown]:
        """What each command shows on a terminal that wide."""
        if columns not in self.seen:
            commands = (*COMMANDS, *JSON, *WRONG)
            asked = [[word.format(**self.ids) for word in words] for words in commands]
            shown = on_terminal(*asked, folder=self.room, columns=columns)
            self.seen[columns] = dict(zip(commands, shown, strict=True))
        return self.seen[columns]


@pytest.fixture(scope="module")
def screens(room: Path, ids: dict[str, str]) -> Screens:
    return Screens(room, ids)


def title_of(delivery: dict[str, Any]) -> str:
    """What a delivery is about, as `--json` has it."""
    return str((delivery["article"] or delivery["feed"])["title"])


def columns_of(text: str) -> int:
    """The width of a line by the rules of a plain terminal, which sets every picture of an emoji apart."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    none = sum(unicodedata.category(char) in {"Mn", "Me", "Cf"} for char in text)
    return len(text) + wide - none


def timeless(text: str) -> list[str]:
    """The words of a text but for how long ago things were, which changes while tests run."""
    return re.sub(r"\b(\d+ (s|min|h|seconds?|minutes?|hours?)( ago)?|now)\b", "", text).split()


def is_copied(line: str) -> bool:
    """Whether a line holds nothing but what must not be broken: a path, an id, an address, a command."""
    bare = re.sub(r"^[A-Z]\w+ {2,}", "", line).strip(" :|")
    return " " not in bare or bare.startswith(("feedbot ", "`feedbot ", "content/"))


# --- what fits ---


@pytest.mark.parametrize("columns", [80, 40, WIDE])
def test_no_line_is_wider_than_the_terminal_but_for_what_must_not_be_broken(
    columns: int, screens: Screens
) -> None:
    for words, shown in screens.at(columns).items():
        assert "Traceback" not in shown.text
        long = [line for line in shown.lines if columns_of(line) > columns and not is_copied(line)]
        assert long == [] or words in JSON, words


@pytest.mark.parametrize("columns", [80, 40])
def test_what_is_copied_is_never_shortened(
    columns: int, screens: Screens, deliveries: list[dict[str, Any]]
) -> None:
    shown = screens.at(columns)
    assert len(deliveries) > 60
    for one in deliveries:
        assert f"\n{one['id'].removeprefix('msg_')[:8]}  " in "\n" + shown[LIST].text
    for name in (LONG_NAME, WIDE_NAME):
        assert name in shown[LIST].text
        assert re.search(rf"^{name}\b", shown[("targets", "list")].text, re.MULTILINE)
    for path in PATHS:
        assert f"\n{path}:2:8:" in "\n" + shown[("check",)].text
        assert f"  {path}:2:8:" in shown[("status", "-v")].text
    assert "`feedbot deliveries list`" in shown[WRONG[1]].text


def test_a_mistake_on_the_command_line_is_told_in_lines_that_fit(room: Path) -> None:
    mistakes = (
        ("deliveries", "list", "--since", "yesterday"),
        ("deliveries", "list", "--state", "bogus"),
        ("deliveries", "retry"),
        ("store", "copy", "mysql://db.example/", "x.db"),
    )
    for words, shown in zip(mistakes, on_terminal(*mistakes, folder=room), strict=True):
        piped = at_once(*words, folder=room)
        assert (shown.code, piped.returncode) == (2, 2), words
        assert max(map(columns_of, shown.lines)) <= 80
        told, whole = (text.partition("Error: ")[2].split() for text in (shown.text, piped.stderr))
        assert told == whole != []
        assert len(piped.stderr.splitlines()) == 4  # the usage, where there is help, and the mistake


def test_what_init_reminds_of_fits_the_terminal(tmp_path: Path) -> None:
    [shown] = on_terminal(("init", "--yes"), folder=tmp_path)
    assert "is only an example" in shown.text
    assert max(map(columns_of, shown.lines)) <= 80


def test_a_group_without_a_command_shows_its_help_and_no_mistake(room: Path) -> None:
    for shown in on_terminal((), ("store",), ("deliveries",), folder=room):
        assert shown.code == 2
        assert shown.lines[0].startswith("Usage: ")
        assert "\nCommands:\n" in shown.text
        assert shown.text.count("Usage: ") == 1


def test_columns_are_aligned_where_names_are_wide(screens: Screens) -> None:
    head, *rows = screens.at(WIDE)[LIST].lines
    moment = re.compile(r"  (\d+ \w+ ago|in \d+ \w+|now|due|target disabled)  ")
    found = [(row, moment.search(row)) for row in rows]
    assert {columns_of(row[: match.start(1)]) for row, match in found if match} == {head.index("WHEN")}
    assert sum(match is None for _, match in found) == 0
    assert any(WIDE_NAME in row for row in rows)


def test_a_long_name_does_not_push_the_other_rows_out_of_their_columns(screens: Screens) -> None:
    lines = screens.at(80)[("targets", "list")].lines
    place = lines[0].index("TYPE")
    assert lines[lines.index(LONG_NAME) + 1][place:].startswith("webhook")
    assert next(line for line in lines if line.startswith("box "))[place:].startswith("webhook")


def test_a_wide_terminal_shows_titles_whole_and_long_texts_in_readable_lines(screens: Screens) -> None:
    shown = screens.at(WIDE)
    assert TITLES["long.md"].strip() in shown[LIST].text
    assert "…" not in shown[LIST].text
    said = [line for line in shown[(*SHOW, "-v")].lines if "Oh no" in line]
    assert len(said) > 2
    assert max(map(len, said)) <= 100


def test_in_a_pipe_nothing_is_cut_wrapped_or_coloured(room: Path) -> None:
    listed = at_once(*LIST, "-v", folder=room, COLUMNS="40").stdout
    assert TITLES["long.md"].strip() in listed
    assert "longwinded about what it does not want the receiver" in listed
    assert "\x1b" not in listed
    for line in listed.splitlines()[1:]:
        assert line.startswith(" ") or re.search(
            r"  (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|due|target disabled)  ", line
        ), line


# --- moments ---


def test_a_person_is_told_how_long_ago_and_a_program_when(screens: Screens, room: Path) -> None:
    piped = at_once("status", folder=room).stdout
    assert re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", piped)
    assert " ago" not in piped
    for words in (("status",), ("targets", "list"), LIST):
        text = screens.at(80)[words].text
        assert re.search(r"\d (s|min|h) ago|in \d+ (min|h)|next try", text), words
        assert not re.search(r"\d\dT\d\d:", text), words


def test_a_person_is_told_for_how_long_a_worker_is_there_and_a_program_since_when(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    worker = subprocess.Popen(
        command("run"), cwd=newsroom.folder, env=surroundings(), stdout=subprocess.PIPE, text=True
    )
    with worker:
        assert worker.stdout
        assert any("looked at everything" in line for line in worker.stdout)
        [shown] = on_terminal(("status",), folder=newsroom.folder)
        piped = at_once("status", folder=newsroom.folder).stdout
        worker.terminate()
    assert re.search(r"makes the passes, for \d+ (s|min)\n", shown.text)
    assert re.search(r"makes the passes, since \d{4}-\d\d-\d\dT[\d:]{8}Z\n", piped)


# --- colours ---


def test_each_state_has_its_colour_and_it_is_always_the_same(screens: Screens) -> None:
    shown = screens.at(80)
    for word, colour in {"held": 33, "dead": 31, "paused": 33, "disabled": 31, "ready": 32}.items():
        assert f"\x1b[{colour}m{word}\x1b[0m" in shown[("status",)].raw, word
    assert "\x1b[31mdead\x1b[0m" in shown[LIST].raw
    assert "\x1b[32msent\x1b[0m" in shown[LIST].raw
    assert "\x1b[31mdisabled\x1b[0m" in shown[("targets", "list")].raw
    assert all("\x1b[3" not in re.sub("\x1b\\[3[123]m", "", one.raw) for one in shown.values())


def test_colours_only_repeat_what_words_say_and_can_be_refused(screens: Screens, room: Path) -> None:
    commands = (("status",), ("check",), ("targets", "list"))
    for words, shown in zip(commands, on_terminal(*commands, folder=room, NO_COLOR="1"), strict=True):
        with_colours = screens.at(80)[words]
        assert "\x1b[3" in with_colours.raw
        assert timeless(shown.raw) == timeless(with_colours.text)


def test_colours_can_be_asked_for_in_a_pipe_and_change_nothing_else(room: Path) -> None:
    plain = at_once("targets", "list", folder=room).stdout
    coloured = feedbot("targets", "list", folder=room, FORCE_COLOR="1").stdout
    assert "\x1b[33mpaused\x1b[0m" in coloured
    assert COLOURS.sub("", coloured) == plain


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, None),
        ({"NO_COLOR": ""}, None),
        ({"NO_COLOR": "0"}, False),  # its value means nothing
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"CLICOLOR_FORCE": "1"}, True),
        ({"CLICOLOR_FORCE": "0"}, None),
        ({"CLICOLOR": "0"}, False),
        ({"CLICOLOR": "1"}, None),
        ({"CLICOLOR": "0", "CLICOLOR_FORCE": "1"}, True),
        ({"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm-256color"}, None),
    ],
    ids=str,
)
def test_the_environment_says_whether_there_are_colours(
    environment: dict[str, str], wanted: bool | None
) -> None:
    assert wants_colour(environment) is wanted


# --- what others wrote ---


def test_nothing_that_others_wrote_can_steer_the_terminal(screens: Screens) -> None:
    for words, shown in screens.at(80).items():
        assert STEERING.findall(shown.text.replace("\n", "")) == [], words
    told = screens.at(WIDE)[("deliveries", "list", "--article", "marks.md")].text
    assert r"a\x1b]0;owned\x07b\x1b[2Jc\x9b31md\u202ee\u2066f\x7fg\rh\ni\u2028j" in told


def test_json_is_harmless_at_a_terminal_and_says_the_same(screens: Screens) -> None:
    shown = [screens.at(80)[words].raw for words in JSON]
    assert STEERING.findall("".join(shown).replace("\n", "")) == []
    listed, status = map(json.loads, shown)
    assert ATTACK in set(map(title_of, listed["deliveries"]))
    assert "content/broken/\x1b[31mred\u202e.md" in {one["path"] for one in status["findings"]["list"]}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("plain", "plain"),
        (TITLES["emoji.md"], TITLES["emoji.md"]),
        (TITLES["spaces.md"], TITLES["spaces.md"]),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("so\u00adft \u200fmarks\u200b go\ufeff", "soft marks go"),
        ("turned \u202eround", r"turned \u202eround"),
        ("a\x1b[2J\x07\x9b\r\n\t\u2028", r"a\x1b[2J\x07\x9b\r\n\t\u2028"),
        ("a\udcff", r"a\udcff"),
    ],
)
def test_text_from_outside_is_told_as_it_is_but_for_what_steers(text: str, told: str) -> None:
    assert legible(text) == told


def test_what_is_refused_has_its_exit_code_and_cannot_steer_either(screens: Screens) -> None:
    assert [screens.at(80)[words].code for words in WRONG] == [1, 1, 1, 2, 2]
    assert all("\\x1b[2J" in screens.at(80)[words].raw for words in (WRONG[0], WRONG[4]))


# --- next steps ---


def test_what_is_empty_says_what_to_do_next(newsroom: Newsroom) -> None:
    newsroom.build()
    console = Console(newsroom)
    assert "put them where content.path in config.yaml says" in console.run("status")
    assert "put them where content.path in config.yaml says" in console.run("check")
    assert "`feedbot targets --help` shows how to add one" in console.run("targets", "list")
    newsroom.configure(targets=[webhook()])
    newsroom.build()
    assert "`feedbot preview ARTICLE` shows" in console.run("deliveries", "list")


def test_a_reader_that_has_seen_enough_is_no_reason_to_complain(room: Path) -> None:
    line = " ".join(command("deliveries", "list", "--limit", "500", "-v"))
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line} | head -n 1"], cwd=room, env=surroundings(), check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.split() == ["ID", "STATE", "EVENT", "TARGET", "WHEN", "TITLE"]


# --- the picture of it ---


def test_the_picture_for_the_readme_is_small_and_needs_nothing_from_elsewhere() -> None:
    drawn = PICTURE.read_text(encoding="utf-8")
    assert len(drawn) < 150_000
    assert all(f"feedbot {' '.join(words)}" in drawn for words in SHOWN_IN_PICTURE)
    assert not re.search(r"script|href|url\(|@import", drawn)


def test_a_picture_shows_every_word_in_its_column_and_colour() -> None:
    drawn = ElementTree.fromstring(draw(["a  \x1b[31m東京 b\x1b[0m & c", "\x1b[1mhead\x1b[0m"]))  # noqa: S314 - it is ours
    runs = [
        (one.text, float(one.attrib["x"]), one.attrib.get("fill"))
        for one in drawn.iter()
        if "x" in one.attrib
    ]
    start, width = runs[0][1], COLUMN
    places = [(text, round((x - start) / width), fill) for text, x, fill in runs]
    assert places == [("a", 0, None), ("東京 b", 3, INKS["31"]), ("& c", 10, None), ("head", 0, None)]


# --- measuring ---


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0), ("abc", 3), ("東京", 4), ("ｶﾅ", 2), ("te\u0301xt", 4), ("บทความ", 6), ("หุ่น", 2),
        ("🇦🇹", 2), ("👍", 2), ("❤️", 2), ("1️⃣", 2), ("\u1112\u1161\u11ab", 2), ("a\u200db", 2),
        ("\x1b[31mred\x1b[0m", 3),
    ],
)  # fmt: skip
def test_text_is_as_wide_as_a_terminal_shows_it(text: str, columns: int) -> None:
    assert width_of(text) == columns


@pytest.mark.parametrize(
    ("text", "width", "kept"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "abcd…"),
        ("abc def", 5, "abc…"),
        ("東京の記事", 6, "東京…"),
        ("te\u0301\u0323xt", 3, "te\u0301\u0323…"),
        ("🇦🇹🇩🇪🇨🇭", 5, "🇦🇹🇩🇪…"),
        ("👩‍💻👩‍💻", 7, "👩‍💻…"),
        ("👍🏽👍🏽", 6, "👍🏽…"),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿🏴󠁧󠁢󠁥󠁮󠁧󠁿x", 4, "🏴󠁧󠁢󠁥󠁮󠁧󠁿…"),
    ],
)
def test_text_is_cut_between_characters_as_people_see_them(text: str, width: int, kept: str) -> None:
    assert cut(text, width) == kept


@pytest.mark.parametrize(
    ("text", "room", "lines"),
    [
        ("a few words in a row", 9, ["a few", "words in", "a row"]),
        ("say `feedbot targets resume box` now", 12, ["say", "`feedbot targets resume box`", "now"]),
        (
            "see https://example.com/a/long/way for it",
            10,
            ["see", "https://example.com/a/long/way", "for it"],
        ),
        ("東京の図書館でロボットが", 10, ["東京の図書", "館でロボッ", "トが"]),
        ("a `lonely backtick", 6, ["a", "`lonely", "backtick"]),
        ("", 5, [""]),
    ],
)
def test_lines_are_broken_between_words_and_never_within_what_is_copied(
    text: str, room: int, lines: list[str]
) -> None:
    assert wrap(text, room) == lines


@given(st.text(max_size=60), st.integers(1, 40))
def test_whatever_is_cut_fits(text: str, width: int) -> None:
    assert width_of(cut(text, width)) <= width
    assert "".join(characters(text)) == text


@given(st.text(st.sampled_from("ab `東\u0301👍\u200d/:"), max_size=60), st.integers(4, 40))
def test_whatever_is_wrapped_is_whole_and_fits_where_it_can(text: str, room: int) -> None:
    lines = wrap(text, room)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    for line in lines:
        assert width_of(line) <= room or " " not in line.strip(" ") or "`" in line
