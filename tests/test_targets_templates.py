"""Templates: plain text in and out, nothing that can run away, and every mistake told with its line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from msgspec.structs import replace

from feedbot.attempt import Delivery
from feedbot.model import Article, Author, Entry, EventKind, Image, Provider, Site
from feedbot.targets.fitting import words_of
from feedbot.targets.templates import plain, render, values_of
from feedbot.template import LONGEST_OUTPUT, NAMES, TemplateError, check_template, compile_template

PAGE = Path(__file__).parent.parent / "docs" / "templates.md"

SITE = Site(
    title="Example Newsroom",
    url="https://news.example.com/",
    feeds_url="https://feeds.example.com/",
    id_base="tag:news.example.com,2026:",
    language="en",
)
ARTICLE = Article(
    title="Portland bans <cameras> & more",
    summary="It is &amp; that is said.",
    link="https://news.example.com/portland/?a=1&b=2",
    published=datetime(2026, 11, 4, 20, 1, tzinfo=UTC),
    updated=datetime(2026, 11, 5, tzinfo=UTC),
    category="News",
    type="article",
    topics=("AI", "Computer Vision"),
    provider=Provider(name="The Paper", domain="paper.example.com"),
    authors=(Author(name="First Writer"), Author(name="Second Writer")),
    images=(Image(url="https://news.example.com/a.png", title="A camera"),),
)
DELIVERY = Delivery(
    id="msg_1",
    event=EventKind.PUBLISHED,
    at=datetime(2026, 11, 4, 20, 2, tzinfo=UTC),
    entry=Entry(id="tag:news.example.com,2026:portland.md", article=ARTICLE),
)


def filled(source: str, article: Article = ARTICLE) -> str:
    """What a template makes of an article."""
    delivery = replace(DELIVERY, entry=Entry(id=DELIVERY.entry.id, article=article))
    return render(compile_template(source), delivery, SITE, words_of(delivery, ("#AI", "#ComputerVision")))


# --- what can be written ---

FILLED = [
    ("{{ title }}", "Portland bans <cameras> & more"),
    ("{{ excerpt }}", "It is &amp; that is said."),
    ("<b>{{ url }}</b>", "<b>https://news.example.com/portland/?a=1&b=2</b>"),
    ("{{ hashtags }}", "#AI #ComputerVision"),
    ("{{ topics }} / {{ authors }}", "AI, Computer Vision / First Writer, Second Writer"),
    ("{{ category }} {{ type }} {{ event }} {{ language }}", "News article published en"),
    ("{{ provider }} ({{ provider_domain }}) {{ site }}", "The Paper (paper.example.com) Example Newsroom"),
    ("{{ image }} {{ image_text }}", "https://news.example.com/a.png A camera"),
    ("{{ id }}", "tag:news.example.com,2026:portland.md"),
    ("{{ published }} {{ updated|date('%d %B %Y, %H:%M') }}", "2026-11-04 05 November 2026, 00:00"),
    ("{{ published.year }}", "2026"),
    (
        "{% for topic in topics %}{{ loop.index }}. {{ topic|upper }}\n{% endfor %}",
        "1. AI\n2. COMPUTER VISION",
    ),
    (
        "{% for a in authors if a %}{{ a }}{% if not loop.last %} & {% endif %}{% endfor %}",
        "First Writer & Second Writer",
    ),
    ("{{ topics|join(' | ')|lower }}", "ai | computer vision"),
    ("{{ topics[0] }} {{ topics[-1] }} {{ topics[:1] }} {{ topics|length }}", "AI Computer Vision AI 2"),
    ("{{ title|replace('Portland', 'Salem')|truncate(12) }}", "Salem..."),
    ("{{ 'New' if event == 'published' else 'Changed' }}: {{ title[:8] }}", "New: Portland"),
    ("{% set by = authors|join(' and ') %}by {{ by }}", "by First Writer and Second Writer"),
    (
        "{{ title ~ ' by ' ~ authors ~ published }}",
        "Portland bans <cameras> & more by First Writer, Second Writer2026-11-04",
    ),
    ("{% if 'AI' in topics and not image is none %}yes{% endif %}{# nobody sees this #}", "yes"),
    ("{% raw %}{{ title }}{% endraw %} &amp;", "{{ title }} &amp;"),
]


@pytest.mark.parametrize(("source", "text"), FILLED)
def test_a_template_shows_plain_text_as_it_is(source: str, text: str) -> None:
    assert check_template(source) is None
    assert filled(source) == text


def test_every_variable_has_a_value_for_every_article() -> None:
    bare = Article(title="T", published=ARTICLE.published, updated=ARTICLE.updated)
    delivery = replace(DELIVERY, entry=Entry(id="tag:a,2026:t", article=bare))
    for name in NAMES:
        assert name in values_of(delivery, SITE, words_of(delivery))
        assert filled(f"{{{{ {name} }}}}", bare) is not None
    assert values_of(delivery, SITE, words_of(delivery)).keys() == NAMES.keys()


def test_what_an_article_lacks_leaves_no_gap() -> None:
    bare = Article(title="T", published=ARTICLE.published, updated=ARTICLE.updated, link="https://a.com/")
    source = (
        "{{ type }}\n\n{{ category }} {{ title }}\n\n{{ excerpt }}\n\n{{ url }} {{ type }}\n\n{{ image }}\n"
    )
    assert filled(source, bare) == "T\n\nhttps://a.com/"
    assert filled("by {{ provider }} on {{ published }}", bare) == "by on 2026-11-04"
    assert filled("- a\n    - b  \n", bare) == "- a\n    - b"
    assert filled("{{ title }}\n{{ excerpt }}{{ type }}\n{{ url }}", bare) == "T\nhttps://a.com/"


LINES = "{{ title }}\n{% if excerpt %}> {{ excerpt }}{% endif %}\n{{ url }} {# last #}\n\n{{ hashtags }}"


def test_a_line_ends_where_it_ends_in_the_template_also_behind_a_tag() -> None:
    article = replace(ARTICLE, title="T", summary="Is that so?", link="https://a.com/")
    assert filled(LINES, article) == "T\n> Is that so?\nhttps://a.com/\n\n#AI #ComputerVision"
    assert filled(LINES, replace(article, summary="")) == "T\nhttps://a.com/\n\n#AI #ComputerVision"
    assert filled("{% for a in authors %}{{ a }}\n{% endfor %}\nend") == "First Writer\nSecond Writer\nend"
    assert filled("{% if type %}\nyes\n{% endif %}\n{% set a = 1 %}\nend") == "yes\nend"
    assert filled("a{% if type %}b{% endif -%}\n\nc") == "abc"


def test_values_can_be_escaped_but_neither_the_template_nor_the_hashtags() -> None:
    text = render(
        compile_template("# *{{ title }}* {{ hashtags }} {{ topics }}"),
        DELIVERY,
        SITE,
        words_of(DELIVERY, ("#AI",)),
        escape=lambda text: text.replace("<", "&lt;").replace("AI", "ai"),
    )
    assert text == "# *Portland bans &lt;cameras> & more* #AI ai, Computer Vision"


# --- what is refused before anything is sent ---

REFUSED = [
    ("{{ titel }}", 1, "uses titel, which is no variable", "did you mean title?"),
    ("\n\n{{ exerpt }} {{ title", 3, "is not valid", ""),
    ("{{ title }}\n{{ headline }}", 2, "uses headline, which is no variable", "there are title, excerpt"),
    ("{% if x is defined %}{% endif %}", 1, "uses x, which is no variable", ""),
    ("{% for t in topic %}{% endfor %}", 1, "uses topic, which is no variable", "topics?"),
    ("{{ title|uper }}", 1, "uses an unknown filter, uper", "did you mean upper?"),
    ("{{ title|e }}", 1, "uses an unknown filter, e", "there are"),
    ("{{ title is fine }}", 1, "no test named 'fine'", ""),
    ("{% if title %}\n{{ title }}", 2, "unexpected end of template", "{% if %} needs an {% endif %}"),
    ("{{ title }", 1, "is not valid", ""),
    ("{{ published.strftime('%Y') }}", 1, "calls a function", "published|date("),
    ("{{ title.upper() }}", 1, "calls a function", ""),
    ("{{ title.upper }}", 1, "asks for a part that nothing has", "title|upper"),
    ("{{ title['upper'] }}", 1, "asks for a part that nothing has", ""),
    ("{{ title.__class__ }}", 1, "asks for a part that nothing has", ""),
    ("{{ topics.index }}", 1, "shows something that is not text", ""),
    ("{{ self }}", 1, "shows something that is not text", ""),
    ("{{ published|date('%Q') }}", 1, "has an unknown form of date, '%Q'", "such as %Y-%m-%d"),
    ("{{ published|date('%99999999d') }}", 1, "has an unknown form of date", ""),
    ("{{ title|date }}", 1, "writes as a date what is none", "published and updated"),
    ("{% include 'a' %}", 1, "uses `include`", ""),
    ("{% macro a() %}{% endmacro %}", 1, "uses `macro`", ""),
    ("{% for a in topics recursive %}{% endfor %}", 1, "has a loop in a loop", ""),
    ("{% for a in title %}{% endfor %}", 1, "goes through what is no list", "topics and authors"),
    ("{{ topics[9] }}", 1, "fails: list object has no element 9", ""),
    ("{{ 1 + title }}", 1, "fails: unsupported operand", ""),
    ("(" * 300 + "{{" + "(" * 1500 + "1" + ")" * 1500 + "}}", None, "is nested too deeply", ""),
    ("{% if title %}" * 150 + "{% endif %}" * 150, None, "is nested too deeply", ""),
    ("{{ title }}" * 400, None, "is longer than 4,000 characters", ""),
]


@pytest.mark.parametrize(("source", "line", "what", "hint"), REFUSED, ids=[case[0][:40] for case in REFUSED])
def test_a_mistake_is_told_with_its_line_and_a_way_out(
    source: str, line: int | None, what: str, hint: str
) -> None:
    error = check_template(source)
    assert error is not None
    assert what in error.what
    assert error.line == line
    assert hint in error.hint
    assert str(error).startswith("the template " if line is None else f"line {line} of the template ")


BOMBS = [
    "{{ 'a' * 1000000000 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ title|center(1000000000) }}",
    "{{ '{:>1000000000}'.format(1) }}",
    "{% for a in range(1000000000) %}{% endfor %}",
    "{% for a in topics %}{% for b in topics %}{% endfor %}{% endfor %}",
    "{% set a = title ~ title ~ title ~ title ~ title ~ title ~ title ~ title %}"
    + "{% set a = a ~ a ~ a ~ a ~ a ~ a ~ a ~ a %}" * 30
    + "{{ a }}",
    "{% set a = topics %}" + "{% set a = a + a + a + a + a + a %}" * 30 + "{{ a|length }}",
    "{% set a = topics %}" + "{% set a = [a, a, a, a] %}" * 30 + "{{ a }}",
    "{% set a = topics %}{% set b = authors %}"
    + "{% set a = [a, a] %}{% set b = [b, b] %}" * 40
    + "{{ a == b }}",
    "{{ title" + "|replace('a', 'aaaaaaaaaaaaaaaaaaaa')" * 20 + " }}",
    "{{ topics" + "|join(title ~ title ~ title)" + "|replace('a', 'aa')" * 40 + " }}",
]


@pytest.mark.parametrize("source", BOMBS, ids=lambda source: source[:30])
def test_a_template_that_would_take_all_memory_or_time_is_refused(source: str) -> None:
    assert check_template(source) is not None
    with pytest.raises(TemplateError):
        filled(source)


def test_a_message_longer_than_anybody_takes_is_refused() -> None:
    article = structs.replace(ARTICLE, summary="x" * 5000)
    assert len(filled("{{ excerpt }}" * 13, article)) == 65_000 <= LONGEST_OUTPUT
    with pytest.raises(TemplateError, match="makes more than 65,536 characters"):
        filled("{{ excerpt }}" * 14, article)


SIGNS = ["{{", "}}", "{%", "%}", "{#", "#}", *"|.[]()':~+-*=,%01xªé日", '"', "\n", "9" * 20, "{{ title }}"]
TAGS = [" if ", " for ", " in ", " set ", " else ", " endif ", " endfor ", " raw ", " is ", " not ", "none"]
FILTERS = ["join", "date", "replace", "length", "default", "first", "loop", "self", "__class__"]
PARTS = [*SIGNS, *TAGS, *FILTERS, *NAMES]


@settings(deadline=None, max_examples=250)
@given(st.lists(st.sampled_from(PARTS), max_size=14).map("".join) | st.text(max_size=30))
def test_any_template_is_filled_in_or_is_an_error_of_its_own_kind(source: str) -> None:
    error = check_template(source)
    try:
        text = filled(source)
    except TemplateError:
        assert error is not None
        return
    assert text == text.strip()
    assert "\n\n\n" not in text
    assert " at 0x" not in text  # no object of Python


# --- running text that neither mentions nor tags ---

MENTION = regex.compile(r"(?<![=/\p{L}\p{M}\p{Nd}\p{Pc}])@[a-z0-9_]", regex.IGNORECASE)
HASHTAG = regex.compile(r"(?:^|[^/)\p{L}\p{M}\p{Nd}\p{Pc}])[#＃][\p{L}\p{M}\p{Nd}\p{Pc}]")  # of older servers
LINK = regex.compile(r"[a-z][a-z0-9+.-]*://\S+", regex.IGNORECASE)


@pytest.mark.parametrize(
    ("text", "calmed"),
    [
        ("ask @user or @user@example.com", "ask @\u2060user or @\u2060user@example.com"),
        ("(@user), .@user", "(@\u2060user), .@\u2060user"),
        ("fixes #123 and #word", "fixes #\u2060123 and #\u2060word"),
        ("＃日本", "＃\u2060日本"),
        ("@", "@"),
        ("C# and F#", "C# and F#"),
        ("5 @ 3 # 1", "5 @ 3 # 1"),
        ("mail me@example.com", "mail me@example.com"),
        ("https://a.com/@user/1#part?q=@x", "https://a.com/@user/1#part?q=@x"),
        ("see https://a.com/a-@user?b&#part", "see https://a.com/a-%40user?b&#part"),
        ("x://a,@user@example.com", "x://a,%40user@example.com"),
        ("tag:news.example.com,2026:a.md", "tag:news.example.com,2026:a.md"),
    ],
)
def test_names_and_numbers_of_an_article_notify_nobody(text: str, calmed: str) -> None:
    assert plain(text) == calmed
    assert plain(calmed) == calmed


@settings(deadline=None)
@given(st.text(st.sampled_from("@#＃＠ab1_é日 /.=():&-\n\u0301\u200d") | st.characters()))
def test_no_text_mentions_or_tags_once_it_is_calmed(text: str) -> None:
    calmed = plain(text)
    bare = LINK.sub(" ", calmed)
    assert not MENTION.search(calmed)  # servers look for them in links, too
    assert not HASHTAG.search(bare)
    as_written = calmed.replace("\u2060", "").replace("%40", "@").replace("%EF%BC%A0", "＠")
    assert as_written == text.replace("\u2060", "").replace("%40", "@").replace("%EF%BC%A0", "＠")


# --- the page about it ---


def test_the_page_explains_every_variable() -> None:
    rows = dict(regex.findall(r"(?m)^\| `(\w+)` \| (.+) \|$", PAGE.read_text(encoding="utf-8")))
    assert {name: rows.get(name) for name in NAMES} == NAMES


def test_the_examples_of_the_page_are_good_templates() -> None:
    examples = regex.findall(r"(?s)```jinja\n(.*?)```", PAGE.read_text(encoding="utf-8"))
    assert len(examples) >= 3
    assert [check_template(example) for example in examples] == [None] * len(examples)
