"""What is said about a bad config.yaml, and what is never said."""

from __future__ import annotations

import copy
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from config_cases import (
    HOOK,
    LEAKS,
    LINES,
    SECRET,
    SIGNING_SECRET,
    SITE,
    TARGETS,
    TOOTS,
    WRONG,
    WRONG_SITES,
    load_text,
    option_names,
    problems_of,
)
from hypothesis import given
from hypothesis import strategies as st

from feedbot.config import Config, InvalidConfig, load
from feedbot.errors import ConfigError

DATA = Path(__file__).parent / "data" / "config"


# --- what is said about a bad one ---


def test_a_missing_file_says_so_and_names_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.yaml is not there; `feedbot init` writes one"):
        load(tmp_path / "config.yaml", {})


def test_a_folder_in_the_place_of_the_file_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path, {})


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"a" * 2_000_000)
    with pytest.raises(ConfigError, match="is it the right file"):
        load(path, {})
    path.write_bytes(b"site:\n  title: caf\xe9\n")
    with pytest.raises(ConfigError, match=r"config\.yaml:2: not text in UTF-8"):
        load(path, {})


@pytest.mark.parametrize("wrong", WRONG, ids=[wrong[0] for wrong in WRONG])
def test_a_mistake_is_told_with_line_path_and_hint(
    wrong: tuple[str, int, str, str, str], tmp_path: Path
) -> None:
    text, line, path, what, hint = wrong
    [problem] = problems_of(tmp_path, text)
    assert problem.path == path
    assert what in problem.what
    assert hint in problem.hint
    assert problem.line == LINES + line


@pytest.mark.parametrize(("option", "path", "what", "hint"), WRONG_SITES)
def test_a_mistake_in_the_site_is_told_with_its_line(
    option: str, path: str, what: str, hint: str, tmp_path: Path
) -> None:
    name = option.partition(":")[0]
    others = [line for line in SITE.splitlines() if not line.startswith(f"  {name}:")]
    problem = next(
        found
        for found in problems_of(tmp_path, "\n".join([*others, f"  {option}", ""]))
        if path in found.path
    )
    assert (problem.path, problem.line) == (f"site.{path}", len(others) + 1)
    assert what in problem.what
    assert hint in problem.hint


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}"])
def test_an_empty_file_lacks_the_site(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidConfig, match=r"config\.yaml:1: site: is missing \(.*`feedbot init example`"):
        load(path, {})


@pytest.mark.parametrize("text", ["just text", "[a, b]", "5"])
def test_a_file_that_is_no_mapping_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidConfig, match=r"config\.yaml:1: must be a mapping"):
        load(path, {})


def test_every_mistake_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (DATA / "wrong.yaml").read_text(encoding="utf-8")
    expected = (DATA / "wrong.txt").read_text(encoding="utf-8")
    with pytest.raises(InvalidConfig) as caught:
        load_text(tmp_path, text, NEWSDESK_URL="https://a.example/")
    assert str(caught.value).replace(str(tmp_path / "config.yaml"), "config.yaml") + "\n" == expected


def test_one_option_has_one_problem(tmp_path: Path) -> None:
    [problem] = problems_of(tmp_path, "targets: [{name: a, type: slack, url: '${NOTHING}'}]")
    assert problem.what == "the variable NOTHING is not set, got '${NOTHING}'"


def test_all_headers_that_are_wrong_are_told_at_once_by_their_names(tmp_path: Path) -> None:
    headers = f"'a b': {SECRET}\n      X-Good: fine\n      X-Key: \"{SECRET}\\n\"\n      Host: {SECRET}"
    text = f"targets:\n  - {{{HOOK}}}\n".replace("{", "").replace("}", "")
    found = problems_of(tmp_path, text.replace(", ", "\n    ") + f"    headers:\n      {headers}\n")
    assert [(problem.path, problem.what) for problem in found] == [
        ("targets.0.headers.a...", "is a name that no header can have"),
        ("targets.0.headers.X-Key", "has a value with a line break or control character"),
        ("targets.0.headers.Host", "is a header that feedbot sets itself"),
    ]
    assert SECRET not in str(found)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("targets:\n  - {name: a, type: slack, url: '${EMPTY}'}", "targets.0.url"),
        ("targets:\n  - {name: a, type: slack, url: 'https://a.example/${EMPTY}'}", "targets.0.url"),
        (f"targets:\n  - {{{HOOK}, headers: {{X-Key: 'Bearer ${{EMPTY}}'}}}}", "targets.0.headers.X-Key"),
        ("targets:\n  - {name: a, type: webhook, url: 'https://a.example', secret: ['${EMPTY}']}",
         "targets.0.secret.0"),
        ("targets:\n  - {name: a, type: webhook, url: 'https://a.example', secret: '${EMPTY}'}",
         "targets.0.secret"),
        ("feeds:\n  {hub: '${EMPTY}'}", "feeds.hub"),
        ("feeds:\n  {hub: '${EMPTY_BY_FILE}'}", "feeds.hub"),
    ],
)  # fmt: skip
def test_a_variable_that_is_set_and_empty_is_named(text: str, path: str, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    [problem] = problems_of(tmp_path, text, EMPTY="", EMPTY_BY_FILE_FILE="empty")
    assert problem.what.startswith("the variable EMPTY")
    assert "is empty" in problem.what
    assert (problem.path, problem.line) == (path, LINES + 2)


def test_an_empty_variable_may_stand_where_nothing_is_a_value(tmp_path: Path) -> None:
    text = f"targets: [{{{TOOTS}, content_warning: '${{EMPTY}}', language: '${{LANGUAGE}}'}}]"
    [target] = load_text(tmp_path, text, EMPTY="", LANGUAGE="de").targets
    assert target.type == "mastodon"
    assert target.content_warning == ""


# --- secrets ---


@pytest.mark.parametrize("text", LEAKS)
def test_an_error_never_shows_a_secret(text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig) as caught:
        load_text(tmp_path, text, TOKEN=SECRET)
    everything = [str(caught.value), repr(caught.value), *map(repr, caught.value.problems)]
    everything += traceback.format_exception(caught.value, chain=True)[-1:]
    assert SECRET not in "".join(everything)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("value", [SECRET, f"https://a.example/{SECRET}"])
def test_a_secret_in_the_variable_for_its_file_is_not_shown(value: str, tmp_path: Path) -> None:
    text = "targets: [{name: a, type: slack, url: '${HOOK}'}]"
    [problem] = problems_of(tmp_path, text, HOOK_FILE=value)
    assert "HOOK_FILE" in problem.what
    assert SECRET not in str(problem)


def test_a_configuration_never_shows_its_secrets(tmp_path: Path) -> None:
    config = load_text(tmp_path, TARGETS, DATABASE_URL=f"postgres://u:{SECRET}@db.example/x")
    for shown in (
        repr(config),
        str(config),
        repr(config.targets),
        str(config.store),
        f"{config.targets[0]!s}",
    ):
        assert SECRET not in shown
        assert SIGNING_SECRET not in shown
    assert "**********" in repr(config)


def test_the_secrets_are_known_to_whoever_writes_logs(tmp_path: Path) -> None:
    secrets = load_text(tmp_path, TARGETS, DATABASE_URL=f"postgres://u:{SECRET}-db@db.example/x").secrets()
    assert {
        SIGNING_SECRET,
        SECRET,
        f"{SECRET}-db",
        f"Bearer {SECRET}",
        f"https://a.example/{SECRET}",
    } <= secrets
    assert "" not in secrets


# --- any file at all ---

keys = (
    st.sampled_from(sorted(set(option_names())))
    | st.text(max_size=5)
    | st.integers()
    | st.none()
    | st.dates()
)
TELLING = """
https://a.example/ tag:a.example,2026: 60s ${X} ${Y} $${ ${ rss slack webhook mastodon sqlite:///a.db
sqlite:///feeds/a.db postgres://u:p@h/d postgres://[ s3://a .. . feeds / UTC Europe https://[::1
https://a:99999/ 10KB C++
"""
telling = st.sampled_from([*TELLING.split(), "*/5 * * * *", "0 0 * * 7", "\0", "9" * 70])
scalars = (
    telling | st.text(max_size=8) | st.integers() | st.floats() | st.booleans() | st.none() | st.datetimes()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=10,
)

GOOD: dict[str, Any] = {
    "site": yaml.safe_load(SITE)["site"],
    "content": {},
    "feeds": {"topics": {"A": {}}, "named": [{"name": "x", "where": {}}]},
    "schedule": {},
    "store": {},
    "announce": {},
    "targets": [
        {"name": "a", "type": "slack", "url": "https://a.example/"},
        {
            "name": "b",
            "type": "mastodon",
            "base_url": "https://a.example/",
            "token": "not-a-token",
            "hashtags": {},
        },
        {"name": "c", "type": "webhook", "url": "https://a.example/", "unsigned": True, "headers": {}},
    ],
}


def containers(data: Any) -> Iterator[Any]:
    """Every mapping and list in `data`, itself included."""
    if isinstance(data, dict | list):
        yield data
        for value in data.values() if isinstance(data, dict) else data:
            yield from containers(value)


def edited(edits: list[tuple[int, Any, Any]]) -> Any:
    """A good configuration with things added and replaced anywhere in it."""
    data = copy.deepcopy(GOOD)
    for number, key, value in edits:
        places = list(containers(data))
        place = places[number % len(places)]
        if isinstance(place, dict):
            place[key] = value
        else:
            place.append(value)
    return data


class Plain(yaml.SafeDumper):
    """Writes no aliases, as people do."""

    def ignore_aliases(self, data: object) -> bool:
        return True


@given(values | st.lists(st.tuples(st.integers(0, 30), keys, values), min_size=1, max_size=4).map(edited))
def test_any_content_gives_a_configuration_or_its_problems(data: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_bytes(yaml.dump(data, Dumper=Plain, allow_unicode=True, encoding="utf-8"))
        outcome = outcome_of(path)
    if isinstance(outcome, InvalidConfig):
        assert outcome.problems
        assert len(str(outcome).splitlines()) == len(outcome.problems)
    else:
        assert outcome.path == path


def outcome_of(path: Path) -> Config | InvalidConfig:
    try:
        return load(path, {"X": "1", "Z_FILE": "q"})
    except InvalidConfig as error:
        return error
