"""The files that are made from the options, and the one that shows them all."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

from config_cases import SIGNING_SECRET, load_text, option_names
from configuration_page import reference
from pydantic import SecretStr

from feedbot import model
from feedbot.config import Target, json_schema, load
from feedbot.config.sections import FIELD_NAMES
from feedbot.content.fields import FIELD_NAMES as FIELDS_THAT_ARE_READ

ROOT = Path(__file__).parent.parent


def test_the_shipped_configuration_loads_clean() -> None:
    config = load(ROOT / "config.yaml", {})
    assert config.site.title == "Example Newsroom"
    assert config.site.feeds_url == "http://127.0.0.1:8000/"
    assert config.site.id_base == "tag:news.example.com,2026:"
    assert config.targets == ()
    [top] = config.feeds.named
    assert top.where.model() == model.Where.of(min_heat=100)


def test_the_shipped_configuration_names_every_option() -> None:
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    assert sorted(name for name in option_names() if not re.search(rf"\b{name}:", text)) == []


def test_the_examples_in_the_shipped_configuration_load_clean_too(tmp_path: Path) -> None:
    """What stands there behind # is to be copied."""
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    alive = re.sub(
        r"^( *)# (?=( *)(- |\w+:|#))",
        r"\1",
        text.replace("#   # unsigned", "#   #unsigned"),
        flags=re.MULTILINE,
    )
    alive = alive.replace("  fields: jekyll ", "  #")
    environ = dict.fromkeys(("PARTNERS_URL", "NEWSDESK_URL", "COMMUNITY_URL"), "https://a.example/")
    environ |= {
        "PARTNERS_SECRET": SIGNING_SECRET,
        "PARTNERS_TOKEN": "not-a-token",
        "MASTODON_TOKEN": "not-a-token",
        "FEEDBOT_TOKEN": "not-a-token-either",
    }
    config = load_text(tmp_path, alive, **environ)
    assert [target.type for target in config.targets] == ["webhook", "slack", "discord", "mastodon"]
    assert config.feeds.named[0].limit == 20
    assert config.content.fields == {"title": ("headline", "title"), "published": ("date",)}


def test_every_option_says_what_it_is_for() -> None:
    schema = json_schema()
    silent = [
        name
        for node in [schema, *schema["$defs"].values()]
        for name, option in node.get("properties", {}).items()
        if not option.get("description")
    ]
    assert silent == []


def test_the_schema_in_the_package_is_current() -> None:
    path = ROOT / "feedbot" / "feedbot.schema.json"
    current = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    assert path.read_text(encoding="utf-8") == current, "feedbot schema > feedbot/feedbot.schema.json"


def test_the_schema_marks_every_secret() -> None:
    """Messages are shown or not by this mark."""
    schema = json_schema()
    for target in get_args(get_args(Target)[0]):
        for name, field in target.model_fields.items():
            if SecretStr.__name__ in str(field.annotation):
                assert schema["$defs"][target.__name__]["properties"][name].get("writeOnly"), name
    assert schema["$defs"]["StoreSettings"]["properties"]["url"].get("writeOnly")


def test_the_first_line_of_the_shipped_configuration_leads_editors_to_the_schema() -> None:
    first = (ROOT / "config.yaml").read_text(encoding="utf-8").splitlines()[0]
    match = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert match
    assert (ROOT / match[1]).is_file()


def test_the_reference_page_is_current() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert page.partition("<!-- options -->\n\n")[2] == reference()


def test_the_reference_page_names_every_option() -> None:
    page = reference()
    assert [
        name for name in option_names() if not re.search(rf"\b{name}(`|\.|\[\]|$)", page, re.MULTILINE)
    ] == []


def test_the_examples_of_the_reference_page_are_right(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    blocks = [
        block
        for block in re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        if "#" not in block
    ]
    assert len(blocks) == 3
    for block in blocks:
        load_text(tmp_path, block, NEWSDESK_URL="https://a.example/")


def test_every_field_that_can_be_mapped_is_read() -> None:
    assert set(FIELD_NAMES) == set(FIELDS_THAT_ARE_READ)
