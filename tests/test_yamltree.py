"""What YAML text becomes, where its keys stand, and what is refused with which words."""

from __future__ import annotations

import logging
import string
import traceback
from datetime import UTC, date, datetime
from typing import Any

import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from feedbot.yamltree import PARSER, Tree, YamlError, load

PARSERS = [pytest.param(PARSER, id="libyaml"), pytest.param(yaml.SafeLoader, id="pure")]


def refused(text: str, **options: Any) -> YamlError:
    with pytest.raises(YamlError) as caught:
        load(text, **options)
    return caught.value


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# only a remark\n", None),
        ("---\n", None),
        ("just words", "just words"),
        ("[a, b]", ["a", "b"]),
        ("a: 1", {"a": 1}),
        ("a:", {"a": None}),
        ("a: ~\nb: null\nc: ''", {"a": None, "b": None, "c": ""}),
        ("a: 010\nb: 08\nc: 1_000\nd: 1:2\ne: 0x1F", {"a": 8, "b": "08", "c": 1000, "d": 62, "e": 31}),
        ("a: yes\nb: Off\nc: y", {"a": True, "b": False, "c": "y"}),
        ("a: .inf\nb: 5.\nc: 1e3", {"a": float("inf"), "b": 5.0, "c": "1e3"}),
        ("a: 2020-11-04", {"a": date(2020, 11, 4)}),
        ("a: 2020-11-04T20:01:00Z", {"a": datetime(2020, 11, 4, 20, 1, tzinfo=UTC)}),
        ('a: "2020-11-04"\nb: "yes"', {"a": "2020-11-04", "b": "yes"}),
        ("a: [1, {b: c}]\nd:\n- e\n-\n  f: g", {"a": [1, {"b": "c"}], "d": ["e", {"f": "g"}]}),
        ("a: |\n  one\n  two\nb: >-\n  one\n  two", {"a": "one\ntwo\n", "b": "one two"}),
        ("2020: x\nyes: y", {2020: "x", True: "y"}),
        ("a: &anchor 1", {"a": 1}),
        ("a: =\nb: <<", {"a": "=", "b": "<<"}),
        ('"<<": 1', {"<<": 1}),
        ("\ufeffa: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
        ("a: 1\n...\n", {"a": 1}),
        ('{"a": "\\ud83d\\ude00", "b": [1.5, true, null]}', {"a": "😀", "b": [1.5, True, None]}),
        (
            "a: \\ud83d\\ude00\nb: '\\ud83d\\ude00'\nc: |\n  \\ud83d\\ude00\nd: \"\\uD83D\\uDE00\" # \\ud83d",
            {"a": r"\ud83d\ude00", "b": r"\ud83d\ude00", "c": "\\ud83d\\ude00\n", "d": "😀"},
        ),
        (
            r'{"\ud83d\ude00": "\\ud83d\\ude00", "\ud83d\ude01": "\\\ud83d\ude00"}',
            {"😀": r"\ud83d\ude00", "😁": "\\😀"},
        ),
        ('\ufeffa: \'"\'\nb: "\\ud83d\\ude00"', {"a": '"', "b": "😀"}),
    ],
)
def test_a_text_becomes_the_values_that_pyyaml_gives(text: str, value: object, parser: Any) -> None:
    assert load(text, parser=parser).value == value


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize(
    "spelling",
    [
        "2020-13-45",
        "2020-02-30T10:00:00Z",
        "2020-01-01T24:00:00Z",
        "2020-01-01 10:00:00 +99:00",
        "0x_",
        "0b_",
    ],
)
def test_a_date_or_number_that_cannot_be_stays_as_it_is_written(spelling: str, parser: Any) -> None:
    assert load(f"a: {spelling}\nb: 1", parser=parser).value == {"a": spelling, "b": 1}


def test_a_number_nobody_can_mean_stays_text() -> None:
    endless = "9" * 5000
    assert load(f"heat: {endless}").value == {"heat": endless}


@pytest.mark.parametrize("parser", PARSERS)
def test_keys_and_list_items_are_found_by_their_path(parser: Any) -> None:
    tree = load("title: a\ntopics:\n  - AI\n  - Go\nprovider:\n  name: b\n", first_line=2, parser=parser)
    assert tree.marks.lines == {
        ("title",): (2, 1),
        ("topics",): (3, 1),
        ("topics", 0): (4, 5),
        ("topics", 1): (5, 5),
        ("provider",): (6, 1),
        ("provider", "name"): (7, 3),
    }


def test_every_path_has_a_place() -> None:
    tree = load("a:\n  - b: 1\n    c: [x, {y: z}]\nd: {e: 2}")
    assert tree.marks.lines[("a", 0)] == (2, 5)
    assert tree.marks.lines[("a", 0, "b")] == (2, 5)
    assert tree.marks.lines[("a", 0, "c")] == (3, 5)
    assert tree.marks.lines[("a", 0, "c", 1)] == (3, 12)
    assert tree.marks.lines[("a", 0, "c", 1, "y")] == (3, 13)
    assert tree.marks.lines[("d", "e")] == (4, 5)


def test_a_path_without_a_place_has_that_of_what_is_around_it() -> None:
    tree = load("a: 1\nb:\n  c: 1")
    assert tree.place(("b", "x", "d")) == (2, 1)
    assert tree.place(("z",)) is None


def test_the_spelling_of_what_did_not_become_a_string_is_kept() -> None:
    tree = load('title: 3.10\ntype: NO\nname: "3.10"\ntopics: [on, AI, 2020]\nempty:\ndeep: {heat: 010}')
    assert tree.value["title"] == 3.1
    assert tree.marks.spelled == {
        ("title",): "3.10",
        ("type",): "NO",
        ("topics", 0): "on",
        ("topics", 2): "2020",
        ("empty",): "",
        ("deep", "heat"): "010",
    }
    assert tree.spelled(("type",)) == "NO"
    assert tree.spelled(("name",)) is None


MISTAKES = [
    ("a: b: c", 1, 5, "a second colon", "quotes"),
    ("id_base: tag:news.example.com,2026:", 1, 35, "a second colon", "in quotes that ends with a colon"),
    ("title: Fine\ntext: one\n  more: two", 3, 7, "a second colon", "quotes"),
    ('a: 1\nb: "open\nc: 2', 2, 4, "a quote that is never closed", "other kind of quotes"),
    ("a: 'open", 1, 4, "a quote that is never closed", ""),
    ("a: 'It's'", 1, 8, "does not fit", "whole value in quotes"),
    ('a: "b" c', 1, 8, "does not fit", ""),
    ("a:\n  - 1\n b: 2", 3, 2, "does not fit", "indentation"),
    ("a: 1\n- b", 2, 1, "does not fit", ""),
    ("- a\nb: 1", 2, 1, "does not fit", ""),
    ("a: - b", 1, 4, "does not fit", ""),
    ("[]]", 1, 3, "does not fit", ""),
    ("a: [1, 2\nb: 3", 1, 4, "never closed", "close it"),
    ("a: {b: 1", 1, 4, "never closed", ""),
    ("a: 1\nb\nc: 2", 2, 1, "a line without a colon", "key: value"),
    ("a: @x", 1, 4, "no value can begin with", "quotes"),
    ("a: `x`", 1, 4, "no value can begin with", ""),
    ("a: %x", 1, 4, "no value can begin with", ""),
    ("a: ]", 1, 4, "no value can begin with", ""),
    ("a:\n\tb: 1", 2, 1, "a tab", "indent with spaces"),
    ("a:\n  - b\n\t- c", 3, 1, "a tab", ""),
    ("a: |x\n b", 1, 5, "text after | or >", ""),
    ("a: *x", 1, 4, "an alias", "quote"),
    ("a: &x 1\nb: *x", 2, 4, "an alias", ""),
    ("a: * x", 1, 4, "an alias", ""),
    ("a: !!python/object:os.system x", 1, 4, "a tag", "remove it"),
    ("a: !!binary aGk=", 1, 4, "a tag", ""),
    ("a: !mine x", 1, 4, "a tag", ""),
    ("a: !!str 1", 1, 4, "a tag", ""),
    ("!!map {a: 1}", 1, 1, "a tag", ""),
    ("a: !e!x b", 1, 4, "a tag", ""),
    ("a: 1\n<<: {b: 1}", 2, 1, "a merge key", ""),
    ("a: 1\nb: 2\na: 3", 3, 1, "the key `a` is given twice", "keep one"),
    ("a: {b: 1, b: 2}", 1, 11, "the key `b` is given twice", ""),
    ("1: a\ntrue: b", 2, 1, "the key `true` is given twice", ""),
    ("a: 1\n---\nb: 2", 2, 1, "a second document", ""),
    ("? [a]\n: b", 1, 3, "a key that is a list", ""),
    ("{{a: b}: c}", 1, 2, "a key that is a list", ""),
    ("a: 1\nb: \x07", 2, 4, "U+0007", "remove it"),
    ("a: 1\r\nb: \x00", 2, 4, "U+0000", ""),
    ("a: \ud800", 1, 4, "U+D800", ""),
]


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_place(mistake: tuple[str, int, int, str, str], parser: Any) -> None:
    text, line, column, what, hint = mistake
    error = refused(text, parser=parser)
    assert what in error.what
    assert hint in error.hint
    assert error.line == line
    assert abs(error.column - column) <= 1  # the two parsers differ by one for some mistakes


@pytest.mark.parametrize("text", [r'a: "\q"', r'a: "\xZZ"', r'a: "\u12"', r'a: "\U00110000"', r'a: "\uD800"'])
def test_an_escape_that_yaml_does_not_know_is_named(text: str) -> None:
    error = refused(f"b: 1\n{text}")
    assert (error.line, error.what) == (2, "a backslash sequence that YAML does not know")


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize(
    "escapes", [r"\uD800", r"\ude00\ud83d", r"\\ud83d\ude00", r"\U0000D83D\U0000DE00", r"\ud83d \ude00"]
)
def test_half_a_character_is_refused(escapes: str, parser: Any) -> None:
    error = refused(f'b: 1\na: "{escapes}"', parser=parser)
    assert (error.line, error.what) == (2, "a backslash sequence that YAML does not know")


def test_lines_count_from_the_line_the_text_begins_on() -> None:
    assert refused("a: 1\nb: @", first_line=10).line == 11
    assert str(refused("a: b: c", first_line=7)).startswith("7:5: a second colon")


HOSTILE = ["[", "{", "- ", "? ", "[{a: ", "- ? ", "[[", "{a: ", "? [", "- - ? - "]


@pytest.mark.parametrize("unit", HOSTILE)
def test_two_megabytes_of_nesting_are_refused_at_once(unit: str) -> None:
    error = refused(unit * (2_000_000 // len(unit)))
    assert error.line == 1
    assert error.what != "not valid YAML"
    assert error.column < 1100  # libyaml may refuse at its own limit of 1,000 brackets, before we are asked


def test_nesting_up_to_the_limit_is_read() -> None:
    assert load("[" * 20 + "]" * 20).value is not None
    assert "deeper than 20" in refused("[" * 21 + "]" * 21).what


def test_more_nodes_than_allowed_are_refused() -> None:
    assert len(load("[" + "a," * 19_999 + "]").value) == 19_999
    assert "more than 20000" in refused("[" + "a," * 20_000 + "]").what
    assert refused("- a\n" * 20_100).line == 20_000


def test_an_alias_bomb_is_refused() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{n}: &{n} [*{p}, *{p}]\n" for p, n in zip("abcdefg", "bcdefgh", strict=True)
    )
    assert "an alias" in refused(bomb).what


SECRET = "s3cr3tTOKENs3cr3t"  # noqa: S105 - planted, to be searched for


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize(
    "value",
    [SECRET, f'"{SECRET}"', f"[{SECRET}, [{SECRET}]]", f"\n  - {SECRET}: {SECRET}\n", f"|\n  {SECRET}", ""],
)
def test_a_key_that_is_read_over_leaves_nothing_behind(value: str, parser: Any) -> None:
    tree = load(f"title: a\nsecured: {value}\ntype: b", skip=frozenset({"secured"}), parser=parser)
    assert tree.value == {"title": "a", "type": "b"}
    assert SECRET not in repr(tree)
    assert set(tree.marks.lines) == {("title",), ("secured",), ("type",)}


def test_only_top_level_keys_are_read_over() -> None:
    tree = load("a: {secured: 1}\nb: secured", skip=frozenset({"secured"}))
    assert tree.value == {"a": {"secured": 1}, "b": "secured"}


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: 'one\n  secured: 1'", 2, 3),
        ('a: "one\nsecured: 1"', 2, 1),
        ("a: |\n  one\n  secured: 1\nb: c", 3, 3),
        ("secured: 1\na: >\n  secured : 1", 3, 3),
        ("a:\n  - b: |\n      - 'secured': 1", 3, 10),
        ("a: one\n  secured:1", 2, 3),
        ("a: |\n  ? secured\n  : 1", 2, 5),
        ("a:\n  - secured:1\n", 2, 5),
        ("a:\n  - &b secured:1\n", 2, 8),
    ],
)
def test_a_key_that_is_to_be_read_over_is_not_read_as_text(
    text: str, line: int, column: int, parser: Any
) -> None:
    error = refused(text, skip=frozenset({"secured"}), parser=parser)
    assert error.what == "a line `secured:` that belongs to the value above it"
    assert (error.line, error.column) == (line, column)


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize(
    "text",
    [
        "secured: |\n  secured: 1\na: b",
        "a: |\n  well secured: 1",
        "a: |\n  secured, 1",
        "a: {b: c,\n  secured: 1}",
        "a:\n  - 'it'\n  - secured: 1",
        "# secured: 1\na: 'b\n  c'",
        '"secured": 1\na: "b\n  c"',
    ],
)
def test_only_a_line_of_the_text_above_is_refused(text: str, parser: Any) -> None:
    assert load(text, skip=frozenset({"secured"}), parser=parser).value


@pytest.mark.parametrize("beginning", ["- ", "&a ", "& " * 100_000])
def test_a_line_with_the_word_again_and_again_is_read_in_time_that_grows_with_it(beginning: str) -> None:
    line = beginning + " " * 200_000 + "secured " * 50_000  # hours, if with its square
    assert load(f"x: |\n  {line}\n", skip=frozenset({"secured"}), parser=PARSER).value == {"x": f"{line}\n"}


def test_an_error_names_only_the_keys_that_it_may() -> None:
    names = frozenset({"title"})
    assert "`Title`" in refused("Title: a\nTitle: b", names=names).what
    assert refused("other: a\nother: b", names=names).what == "a key is given twice"


def test_what_is_read_over_is_bounded_too() -> None:
    assert "deeper than" in refused("secured: " + "[" * 100_000, skip=frozenset({"secured"})).what


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize(
    "text",
    [
        f"secured: {SECRET}: x",
        f'secured: "{SECRET}',
        f'secured: "{SECRET}\\q"',
        f"secured: @{SECRET}",
        f"secured: *{SECRET}",
        f"a: !{SECRET} b",
        f'"{SECRET}": 1\n"{SECRET}": 2',
        f"{SECRET * 3}: 1\n{SECRET * 3}: 2",
        f"{SECRET}\x07",
    ],
)
def test_an_error_never_shows_a_value(text: str, parser: Any, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(YamlError) as caught:
        load(text, skip=frozenset({"other"}), parser=parser)
    logging.getLogger("test").error("failed", exc_info=caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None  # PyYAML's own error would bring the text along
    assert SECRET not in "".join(traceback.format_exception_only(caught.value))


def outcome(text: str, parser: Any) -> Tree | YamlError:
    try:
        return load(text, parser=parser)
    except YamlError as error:
        return error


yamlish = st.text(
    alphabet="ab1 :-?#[]{},&*!|>'\"%@`\n\t\r\\u0d8.~=<\u2028\x85\ufeff\x00\ud800é😀", max_size=60
)


@given(st.text() | yamlish)
@example("%YAML 99999999999999999999.1\n---\na")
@example('"\\U00110000"')
@example("%TAG ! x\n---\n!%80 b")
def test_any_text_is_read_or_refused(text: str) -> None:
    for parser in (PARSER, yaml.SafeLoader):
        result = outcome(text, parser)
        if isinstance(result, YamlError):
            assert result.what
            assert result.line >= 1
            assert result.column >= 1


@given(yamlish)
def test_whatever_is_read_is_what_pyyaml_reads(text: str) -> None:
    result = outcome(text, PARSER)
    if isinstance(result, Tree):
        try:
            expected = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - it is safe
        except (yaml.YAMLError, ValueError):
            return  # it gives up on dates that cannot be, on a lone = and on two halves of an emoji
        assert result.value == expected


PIECES = [
    r"\ud83d",
    r"\ude00",
    r"\uD83D\uDE00",
    "\\",
    "u",
    "d83d",
    r"\u00e9",
    r"\U0000d83d",
    "a",
    "é",
    "😀",
    " ",
    ":",
]
QUOTINGS = [
    "{}",
    "'{}'",
    '"{}"',
    "|\n  {}",
    ">-\n  {}",
    "a # {}",
    "[{}]",
    "['{}', \"{}\"]",
    '{"{}": {}}',
    '"a\n  {}"',
]


def as_python(text: str) -> Any:
    """What PyYAML's own parser makes of a text, two halves of a character joined; None if it refuses it."""
    try:
        return joined(yaml.load(text, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, ValueError):
        return None


def joined(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    if isinstance(value, list):
        return [joined(one) for one in value]
    return {joined(key): joined(one) for key, one in value.items()} if isinstance(value, dict) else value


@given(
    st.lists(st.tuples(st.sampled_from(QUOTINGS), st.lists(st.sampled_from(PIECES), max_size=5)), max_size=4)
)
@example([("{}", [r"\uD83D\uDE00"])])
@example([("{}", [r"\uD83D\uDE00"]), ('"{}"', [r"\u00e9"])])
@example([('"{}"', ["\\", "\\", r"\uD83D\uDE00"])])
def test_only_double_quotes_make_a_character_of_escapes_and_no_reader_differs(
    values: list[tuple[str, list[str]]],
) -> None:
    lines = [quoting.replace("{}", "".join(pieces)) for quoting, pieces in values]
    text = "".join(f"k{number}: {line}\n" for number, line in enumerate(lines))
    assume(
        ":]" not in text and ":}" not in text
    )  # which one of PyYAML's parsers takes, and the other does not
    found = [outcome(text, parser) for parser in (None, PARSER, yaml.SafeLoader)]
    read = [repr(one.value) for one in found if isinstance(one, Tree)]
    assert len(read) in {0, 3}
    assert len(set(read)) <= 1
    if read and values:
        assert read[0] == repr(as_python(text))


words = st.text(alphabet=string.printable + "äß😀\u200b", max_size=30)
scalars = (
    words
    | st.booleans()
    | st.none()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.dates()
    | st.datetimes()
    | st.sampled_from(
        ["yes", "NO", "1:30", "0o7", "012", "=", "<<", "~", "2020-01-01", "1_0", "*a", "!b", "# c"]
    )
)
documents = st.dictionaries(
    words | st.integers(),
    st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4)
    ),
    max_size=6,
)


class Plain(yaml.SafeDumper):
    """Writes no aliases, as people do."""

    def ignore_aliases(self, data: object) -> bool:
        return True


@given(documents, st.booleans(), st.sampled_from([None, "'", '"', "|", ">"]))
def test_a_document_is_read_as_pyyaml_reads_it(
    document: dict[Any, Any], flow: bool, style: str | None
) -> None:
    text = yaml.dump(document, Dumper=Plain, default_flow_style=flow, default_style=style, allow_unicode=True)
    result = outcome(text, PARSER)
    if isinstance(result, YamlError):
        assert result.what == "a tag (!name), which is refused"
        assert "!!" in text  # PyYAML writes one where it has to quote a number or date
    else:
        assert result.value == document
