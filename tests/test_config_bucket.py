"""A bucket in the configuration: where it is stands in the file, and how it is reached in the environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from newsroom import Newsroom

from feedbot.config import BucketAddress, Config, InvalidConfig, load
from feedbot.config.bucket import bucket_address

KEY = {"AWS_ACCESS_KEY_ID": "a-key-id", "AWS_SECRET_ACCESS_KEY": "a-secret-key"}


def config(tmp_path: Path, path: str, environ: Mapping[str, str]) -> Config:
    room = Newsroom(tmp_path, settings={"feeds": {"path": path}})
    return load(room.folder / "config.yaml", environ)


@pytest.mark.parametrize(
    ("path", "bucket", "prefix"),
    [
        ("s3://news-feeds/site/feeds", "news-feeds", "site/feeds"),
        ("s3://news.example/feeds/", "news.example", "feeds"),
        ("s3://news/", "news", ""),
        ("s3://news", "news", ""),
    ],
)
def test_a_bucket_and_a_prefix_are_read(tmp_path: Path, path: str, bucket: str, prefix: str) -> None:
    assert config(tmp_path, path, KEY).feeds.place == BucketAddress(bucket, prefix)


_segment = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,8}", fullmatch=True)


@given(st.from_regex(r"[a-z0-9][a-z0-9.-]{1,20}[a-z0-9]", fullmatch=True), st.lists(_segment, max_size=4))
def test_an_address_is_written_as_it_is_read(bucket: str, segments: list[str]) -> None:
    address = BucketAddress(bucket, "/".join(segments))
    assert bucket_address(str(address)) == address


def test_the_environment_says_how_it_is_reached_and_a_file_may_hold_the_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of-a-file\n")
    environ = {
        "AWS_ACCESS_KEY_ID": "a-key-id",
        "AWS_SECRET_ACCESS_KEY_FILE": "secret",
        "AWS_SESSION_TOKEN": "a-session-token",
        "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": "https://s3.example.com/",
    }
    found = config(tmp_path, "s3://news/feeds", environ)
    access = found.access
    assert (access.endpoint, access.key_id, access.region) == (
        "https://s3.example.com",
        "a-key-id",
        "eu-central-1",
    )
    assert access.secret.get_secret_value() == "of-a-file"
    assert found.secrets() >= {"of-a-file", "a-session-token"}
    assert "of-a-file" not in repr(found)
    assert not access.allow_http


@pytest.mark.parametrize(
    ("environ", "name", "what"),
    [
        ({"AWS_ACCESS_KEY_ID": "a"}, "AWS_SECRET_ACCESS_KEY", "is missing, while AWS_ACCESS_KEY_ID is set"),
        ({"AWS_SECRET_ACCESS_KEY": "a"}, "AWS_ACCESS_KEY_ID", "is missing, while AWS_SECRET_ACCESS_KEY"),
        (KEY | {"AWS_ENDPOINT_URL": "s3.example.com"}, "AWS_ENDPOINT_URL", "must be the http or https"),
        (KEY | {"AWS_ENDPOINT_URL": "https://a:b@s3.example"}, "AWS_ENDPOINT_URL", "without a key"),
        (KEY | {"AWS_ENDPOINT_URL": "https://s3.example:x/"}, "AWS_ENDPOINT_URL", "must be the http"),
        (KEY | {"AWS_ENDPOINT_URL": "http://s3.example.com"}, "AWS_ENDPOINT_URL", "has http, which"),
        (KEY | {"AWS_ENDPOINT_URL": "http://127.0.0.1.example"}, "AWS_ENDPOINT_URL", "has http, which"),
        (KEY | {"AWS_SESSION_TOKEN_FILE": "nothing"}, "AWS_SESSION_TOKEN", "cannot be read"),
    ],
)
def test_what_is_wrong_in_the_environment_is_told_with_its_variable(
    tmp_path: Path, environ: dict[str, str], name: str, what: str
) -> None:
    with pytest.raises(InvalidConfig) as caught:
        config(tmp_path, "s3://news/feeds", environ)
    [problem] = caught.value.problems
    assert problem.file == f"{name} in the environment"
    assert what in problem.what
    assert "a-secret-key" not in str(caught.value)
    assert config(tmp_path, "feeds", environ).feeds.place == tmp_path / "feeds"  # a folder needs none of it


@pytest.mark.parametrize(
    "environ",
    [
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"},
        {"AWS_ENDPOINT_URL": "http://[::1]:9000"},
        {"AWS_ENDPOINT_URL": "http://localhost:9000"},
        {"AWS_ENDPOINT_URL": "http://store:9000", "AWS_ALLOW_HTTP": "true"},
    ],
)
def test_http_is_for_this_machine_or_for_who_asks_for_it(tmp_path: Path, environ: dict[str, str]) -> None:
    assert config(tmp_path, "s3://news/feeds", KEY | environ).access.allow_http


def test_a_mistake_in_the_file_and_one_in_the_environment_are_told_together(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig) as caught:
        config(tmp_path, "s3://News", {"AWS_ACCESS_KEY_ID": "a"})
    assert [problem.path or problem.file for problem in caught.value.problems] == [
        "feeds.path",
        "AWS_SECRET_ACCESS_KEY in the environment",
    ]


def test_articles_may_not_lie_in_a_bucket_and_not_in_each_other(tmp_path: Path) -> None:
    settings = {"feeds": {"path": "s3://news"}, "content": {"path": ["a", "a/b"]}}
    room = Newsroom(tmp_path, settings=settings)
    with pytest.raises(InvalidConfig, match="lies in another folder of articles"):
        load(room.folder / "config.yaml", KEY)
