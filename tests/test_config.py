"""What a good config.yaml becomes, with and without variables."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from config_cases import HOOK, LINES, SECRET, SITE, TARGETS, TOOTS, load_text, problems_of

from feedbot import model
from feedbot.config import Cron
from feedbot.targets.hashtags import hashtags

# --- what a good one becomes ---


def test_the_smallest_configuration_has_the_documented_defaults(tmp_path: Path) -> None:
    config = load_text(tmp_path)
    assert config.path == tmp_path / "config.yaml"
    assert config.folder == tmp_path
    assert config.content.paths == (tmp_path / "content",)
    assert config.content.timezone is UTC
    assert config.feeds.place == tmp_path / "feeds"
    assert config.feeds.formats == tuple(model.Format)
    assert (config.feeds.limit, config.feeds.content, config.feeds.max_item_size) == (50, "full", 65536)
    assert config.schedule.scan == timedelta(seconds=60)
    assert config.store.file == tmp_path / ".feedbot" / "feedbot.db"
    assert config.store.url.get_secret_value() == f"sqlite:///{tmp_path}/.feedbot/feedbot.db"
    assert (config.announce.max_age, config.announce.settle) == (timedelta(days=14), timedelta(seconds=2))
    assert config.targets == ()


def test_the_site_is_ready_for_the_feeds(tmp_path: Path) -> None:
    config = load_text(
        tmp_path, "  author: {name: A. Writer}\n  language: de-AT\nfeeds:\n  hub: https://hub.example.com/\n"
    )
    assert config.site_model() == model.Site(
        title="Example Newsroom",
        url="https://news.example.com/",
        feeds_url="https://feeds.example.com/",
        id_base="tag:news.example.com,2026:",
        language="de-AT",
        author=model.Author(name="A. Writer"),
        hub="https://hub.example.com/",
    )


def test_empty_sections_and_options_count_as_not_given(tmp_path: Path) -> None:
    config = load_text(tmp_path, "content:\nfeeds:\n  limit:\n  topics:\n    AI:\ntargets:\n")
    assert config.feeds.limit == 50
    assert config.feeds.topics["AI"].feed


def test_a_single_text_is_as_good_as_a_list_of_one(tmp_path: Path) -> None:
    config = load_text(
        tmp_path,
        "content: {path: news, exclude: drafts/}\nfeeds:\n  formats: rss\n"
        "  named:\n    - {name: a, where: {topics: AI}}\n",
    )
    assert config.content.paths == (tmp_path / "news",)
    assert config.content.exclude == ("drafts/",)
    assert config.feeds.formats == (model.Format.RSS,)
    assert config.feeds.named[0].where.model() == model.Where.of(topics=["ai"])


def test_several_content_folders_are_kept_in_order(tmp_path: Path) -> None:
    config = load_text(tmp_path, f"content:\n  path: [b, ../a, {tmp_path}/c/../d]\n")
    assert config.content.paths == (tmp_path / "b", tmp_path.parent / "a", tmp_path / "d")


def test_a_content_folder_may_be_named_like_that_of_the_feeds(tmp_path: Path) -> None:
    config = load_text(tmp_path, "content: {path: [feeds-of-old, feeds-of-old-2]}")
    assert config.content.paths == (tmp_path / "feeds-of-old", tmp_path / "feeds-of-old-2")


def test_where_is_the_filter_of_the_model(tmp_path: Path) -> None:
    config = load_text(
        tmp_path,
        "feeds:\n  named:\n    - name: a\n      where: {topics: [C++, ai], categories: [News], types: video,"
        " providers: [example.org], min_heat: 5, min_quality: 0}\n",
    )
    assert config.feeds.named[0].where.model() == model.Where(
        topics=frozenset({"c++", "ai"}),
        categories=frozenset({"news"}),
        types=frozenset({"video"}),
        providers=frozenset({"example.org"}),
        min_heat=5,
        min_quality=0,
    )


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("500ms", 0.5), ("2s", 2), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("1.5h", 5400), ("14d", 1_209_600),
     ("2w", 1_209_600), ("1 d 1 s", 86_401), ("0", 0)],
)  # fmt: skip
def test_durations(written: str, seconds: float, tmp_path: Path) -> None:
    assert load_text(tmp_path, f"announce: {{max_age: {written}}}").announce.max_age == timedelta(
        seconds=seconds
    )


@pytest.mark.parametrize(
    ("written", "size"),
    [("1000", 1000), ("64KB", 65536), ("64 kb", 65536), ("2MB", 2 << 20), ("7B", 7), ("1KiB", 1024)],
)
def test_sizes(written: str, size: int, tmp_path: Path) -> None:
    assert load_text(tmp_path, f"feeds: {{max_item_size: {written}}}").feeds.max_item_size == size


@pytest.mark.parametrize(
    ("written", "expression"),
    [
        ("*/10 6-22 * * *", "*/10 6-22 * * *"),
        ("0 0 * * 0", "0 0 * * sun"),
        ("0 0 * * 7", "0 0 * * sun"),
        ("0 0 * * 1-5", "0 0 * * mon,tue,wed,thu,fri"),
        ("0 0 * * Mon-Fri", "0 0 * * mon,tue,wed,thu,fri"),
        ("0 0 * * 5-7", "0 0 * * fri,sat,sun"),
        ("0 0 * * */2", "0 0 * * sun,tue,thu,sat"),
        ("5,35  4 1 jan,jul *", "5,35 4 1 jan,jul *"),
    ],
)
def test_a_cron_expression_names_its_weekdays(written: str, expression: str, tmp_path: Path) -> None:
    assert load_text(tmp_path, f'schedule: {{scan: "{written}"}}').schedule.scan == Cron(expression)


def test_a_time_zone_is_found_by_its_name(tmp_path: Path) -> None:
    assert load_text(tmp_path, "content: {timezone: Europe/Vienna}").content.timezone == ZoneInfo(
        "Europe/Vienna"
    )


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("https://News.Example.com", "https://news.example.com/"),
        ("http://127.0.0.1:8000/feeds", "http://127.0.0.1:8000/feeds/"),
        ("http://[::1]:80/", "http://[::1]:80/"),
        ("https://bücher.example/größe/", "https://xn--bcher-kva.example/gr%C3%B6%C3%9Fe/"),
        ("https://a.example/b%20c/", "https://a.example/b%20c/"),
    ],
)
def test_addresses_of_folders_are_plain_and_end_in_a_slash(
    written: str, address: str, tmp_path: Path
) -> None:
    config = load_text(
        tmp_path,
        f"site: {{title: a, url: '{written}', feeds_url: '{written}', id_base: 'tag:a.example,2026:'}}",
    )
    assert config.site.url == config.site.feeds_url == address


@pytest.mark.parametrize(
    "id_base",
    [
        "tag:a.example,2026:",
        "tag:me@a.example,2026-01-31:news/",
        "https://a.example/id/",
        "urn:example:news:",
    ],
)
def test_ids_may_begin_with_any_absolute_uri(id_base: str, tmp_path: Path) -> None:
    assert load_text(tmp_path, SITE.replace("tag:news.example.com,2026:", id_base)).site.id_base == id_base


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("postgres://u:p@db.example/feeds", "postgresql+psycopg://u:p@db.example/feeds"),
        (
            "postgresql://db.example/feeds?sslmode=require",
            "postgresql+psycopg://db.example/feeds?sslmode=require",
        ),
        ("postgresql+psycopg:///feeds", "postgresql+psycopg:///feeds"),
        ("sqlite:////srv/feedbot.db", "sqlite:////srv/feedbot.db"),
    ],
)
def test_databases_are_named_as_sqlalchemy_names_them(written: str, url: str, tmp_path: Path) -> None:
    assert load_text(tmp_path, f"store: {{url: '{written}'}}").store.url.get_secret_value() == url
    assert load_text(tmp_path, "", DATABASE_URL=written).store.url.get_secret_value() == url


def test_a_relative_database_lies_beside_the_configuration(tmp_path: Path) -> None:
    assert load_text(tmp_path, "store: {url: sqlite:///state/a.db}").store.file == tmp_path / "state" / "a.db"


def test_the_environments_database_wins(tmp_path: Path) -> None:
    config = load_text(tmp_path, "store: {url: sqlite:///a.db}", DATABASE_URL="postgres://db.example/feeds")
    assert config.store.url.get_secret_value() == "postgresql+psycopg://db.example/feeds"
    assert config.store.file is None
    config = load_text(tmp_path, "store: {url: '${ELSEWHERE}'}", DATABASE_URL="postgres://db.example/feeds")
    assert "db.example" in config.store.url.get_secret_value()


def test_each_type_of_target_can_be_told_its_options(tmp_path: Path) -> None:
    targets = {target.name: target for target in load_text(tmp_path, TARGETS).targets}
    assert {name: target.type for name, target in targets.items()} == {
        "hook": "webhook", "open": "webhook", "rolling": "webhook", "talk": "slack", "work": "teams",
        "ours": "mattermost", "play": "discord", "toots": "mastodon",
    }  # fmt: skip
    assert targets["ours"].where.model() == model.Where.of(topics=["AI"])
    assert targets["ours"].min_interval == timedelta(seconds=2)
    assert targets["toots"].max_per_hour == 6


def test_a_target_takes_the_events_it_has_a_use_for(tmp_path: Path) -> None:
    takes = {target.name: target.takes for target in load_text(tmp_path, TARGETS).targets}
    assert takes["hook"] == {"published", "updated", "withdrawn"}
    assert takes["open"] == {"published"}
    assert takes["talk"] == {"published", "withdrawn"}
    assert takes["play"] == {"published", "updated"}
    assert takes["toots"] == {"published", "withdrawn"}


# --- variables ---


def test_variables_are_expanded_in_values_and_within_them(tmp_path: Path) -> None:
    config = load_text(
        tmp_path,
        'content: {exclude: ["${A}", "x${A}${B}y", "$${A}", "$A", "100$"]}\n'
        'feeds: {limit: "${N}", topics: {AI: {feed: "${NO}"}}}\n',
        A="1", B="${A}", N="7", NO="false",
    )  # fmt: skip
    assert config.content.exclude == ("1", "x1${A}y", "${A}", "$A", "100$")
    assert config.feeds.limit == 7
    assert config.feeds.topics["AI"].feed is False


def test_a_file_may_hold_a_variables_value(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{SECRET}\r\n\n", encoding="utf-8")
    target = "targets: [{name: a, type: slack, url: 'https://a.example/${TOKEN}'}]"
    for where in ("token", str(tmp_path / "token")):
        config = load_text(tmp_path, target, TOKEN_FILE=where)
        assert config.secrets() == {f"https://a.example/{SECRET}"}


def test_the_database_may_be_named_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "db").write_text("postgres://db.example/feeds\n", encoding="utf-8")
    assert (
        load_text(tmp_path, "", DATABASE_URL_FILE="db").store.url.get_secret_value()
        == "postgresql+psycopg://db.example/feeds"
    )


@pytest.mark.parametrize(
    ("value", "environ", "what", "hint"),
    [
        ("${TOKEN}", {}, "the variable TOKEN is not set", "TOKEN_FILE"),
        ("${TOKEM}", {"TOKEN": "x"}, "the variable TOKEM is not set", "did you mean TOKEN?"),
        ("${TOKEN}", {"TOKEN": "x", "TOKEN_FILE": "y"}, "TOKEN and TOKEN_FILE are both set", "unset one"),
        ("${TOKEN}", {"TOKEN_FILE": "./nowhere"}, "the file that TOKEN_FILE names cannot be read", "nowhere"),
        (
            "${TOKEN}",
            {"TOKEN_FILE": "nowhere"},
            "the file that TOKEN_FILE names cannot",
            "the path of a file",
        ),
        ("${TOKEN}", {"TOKEN_FILE": "binary"}, "the file that TOKEN_FILE names is not text", "binary"),
        ("${TOKEN}", {"TOKEN_FILE": "large"}, "the file that TOKEN_FILE names is larger", "large"),
        ("${TOKEN}", {"TOKEN_FILE": "."}, "the file that TOKEN_FILE names cannot be read", ""),
        ("${TOKEN}", {"TOKEN": "\udcff"}, "the variable TOKEN is not text", ""),
        ("${}", {}, "has a ${ without the name of a variable", "$${"),
        ("${TOKEN", {"TOKEN": "x"}, "has a ${ without the name of a variable", "${NAME}"),
        ("${TOKEN:-x}", {"TOKEN": "x"}, "has a ${ without the name of a variable", ""),
        ("${a b}", {}, "has a ${ without the name of a variable", ""),
    ],
)
def test_a_variable_that_cannot_be_had_is_a_problem(
    value: str, environ: dict[str, str], what: str, hint: str, tmp_path: Path
) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * 70_000)
    [problem] = problems_of(
        tmp_path, f"content:\n  exclude:\n    - a\n    - {json.dumps(value)}\n", **environ
    )
    assert (problem.path, problem.line) == ("content.exclude.1", LINES + 4)
    assert what in problem.what
    assert hint in problem.hint


def test_a_wrong_database_in_the_environment_is_named_as_such(tmp_path: Path) -> None:
    [problem] = problems_of(tmp_path, "", DATABASE_URL=f"mysql://u:{SECRET}@db.example/")
    assert str(problem).startswith("DATABASE_URL in the environment: must be a database address")
    [problem] = problems_of(tmp_path, "", DATABASE_URL="sqlite:///a.db", DATABASE_URL_FILE="x")
    assert "are both set" in str(problem)


# --- targets ---


@pytest.mark.parametrize(
    "alias", ["CSharp", "#CSharp", "R_D", "Größe", "人工知能", "हिन्दी", "l·l", "3D", "x" * 100]
)
def test_a_hashtag_that_is_accepted_is_posted_as_it_is(alias: str, tmp_path: Path) -> None:
    [target] = load_text(tmp_path, f"targets: [{{{TOOTS}, hashtags: {{aliases: {{a: '{alias}'}}}}}}]").targets
    assert target.type == "mastodon"
    assert hashtags(["a"], target.hashtags.aliases) == (f"#{alias.removeprefix('#')}",)


def test_an_empty_hashtag_gives_a_topic_none(tmp_path: Path) -> None:
    [target] = load_text(tmp_path, f"targets: [{{{TOOTS}, hashtags: {{aliases: {{a: ''}}}}}}]").targets
    assert target.type == "mastodon"
    assert hashtags(["a", "b"], target.hashtags.aliases) == ("#b",)


@pytest.mark.parametrize("name", ["newsdesk", "News desk (EU)", "a/b", "Größe", "新聞", "a.b:c@d"])
def test_a_target_can_have_any_name_that_can_be_seen_and_typed(name: str, tmp_path: Path) -> None:
    named = HOOK.replace("name: a", f"name: '{name}'")
    [target] = load_text(tmp_path, f"targets: [{{{named}}}]").targets
    assert target.name == name


def test_accounts_on_one_server_and_one_token_on_two_servers_are_no_doubles(tmp_path: Path) -> None:
    others = (
        TOOTS.replace("name: a", "name: b").replace("not-a-token", "another-token"),
        TOOTS.replace("name: a", "name: c").replace("m.example", "n.example"),
    )
    text = "targets:\n" + "".join(f"  - {{{one}}}\n" for one in (TOOTS, *others))
    assert len(load_text(tmp_path, text).targets) == 3


def test_a_header_too_short_to_hold_a_secret_is_none(tmp_path: Path) -> None:
    text = f"targets: [{{{HOOK}, headers: {{X-Stage: '2', X-Key: abcd}}}}]"
    assert load_text(tmp_path, text).secrets() == {"https://a.example/", "abcd"}


def test_between_the_quotes_of_a_template_a_line_break_may_be_written_out(tmp_path: Path) -> None:
    text = f"""targets: [{{{TOOTS}, template: '{{{{ authors|join("\\n") }}}} {{{{ url }}}}'}}]"""
    assert load_text(tmp_path, text).targets
