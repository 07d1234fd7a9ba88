"""What configurations are tried with: good and bad texts, and how to load one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from feedbot.config import Config, InvalidConfig, Problem, json_schema, load

SITE = """\
site:
  title: Example Newsroom
  url: https://news.example.com
  feeds_url: https://feeds.example.com/
  id_base: "tag:news.example.com,2026:"
"""
LINES = SITE.count("\n")

SECRET = "pl4nted-s3cret"  # noqa: S105 - planted, to be searched for
SIGNING_SECRET = "whsec_" + "c2VjcmV0" * 4


def load_text(folder: Path, text: str = "", /, **environ: str) -> Config:
    """The configuration that `text` makes in `folder`; `site` is there unless the text has its own."""
    path = folder / "config.yaml"
    path.write_text(text if "site:" in text else SITE + text, encoding="utf-8")
    return load(path, environ)


def problems_of(folder: Path, text: str, /, **environ: str) -> list[Problem]:
    """What is said about `text`."""
    with pytest.raises(InvalidConfig) as caught:
        load_text(folder, text, **environ)
    return list(caught.value.problems)


def option_names() -> Iterator[str]:
    """The name of every option there is, some more than once."""
    schema = json_schema()
    for node in [schema, *schema["$defs"].values()]:
        yield from node.get("properties", ())


TARGETS = f"""\
targets:
  - {{name: hook, type: webhook, url: "https://a.example/{SECRET}", secret: {SIGNING_SECRET},
     events: [published, updated, withdrawn], headers: {{Authorization: "Bearer {SECRET}"}}}}
  - {{name: open, type: webhook, url: "http://127.0.0.1:9/{SECRET}", unsigned: true}}
  - {{name: rolling, type: webhook, url: "https://a.example/", secret: [{SIGNING_SECRET}, {SIGNING_SECRET}]}}
  - {{name: talk, type: slack, url: "https://a.example/{SECRET}", events: [published, withdrawn]}}
  - {{name: work, type: teams, url: "https://a.example/?sig={SECRET}"}}
  - {{name: ours, type: mattermost, url: "https://a.example/{SECRET}",
     where: {{topics: AI}}, min_interval: 2s}}
  - {{name: play, type: discord, url: "https://a.example/{SECRET}", on_update: edit}}
  - {{name: toots, type: mastodon, base_url: "https://mastodon.example", token: "{SECRET}",
     on_withdraw: delete, hashtags: {{aliases: {{"C#": CSharp}}}}, max_per_hour: 6}}
"""
HOOK = "name: a, type: webhook, url: 'https://a.example/', unsigned: true"
TOOTS = "name: a, type: mastodon, base_url: 'https://m.example', token: not-a-token"
CHAT = "url: 'https://a.example/'"


# text below `site` | line of it | path | what | hint
WRONG = [
    ("feeds:\n  limt: 5", 2, "feeds.limt", "is not an option", "did you mean limit?"),
    ("Feeds: {}", 1, "Feeds", "is not an option", "did you mean feeds?"),
    ("colour: red", 1, "colour", "is not an option", "the options are site, content, feeds"),
    ("2020: x", 1, "2020", "is not an option", ""),
    ("content: articles", 1, "content", "must be a mapping", "lines of"),
    ("feeds: [a]", 1, "feeds", "must be a mapping", ""),
    ("feeds: {limit: 0}", 1, "feeds.limit", "must be at least 1, got 0", ""),
    ("feeds: {limit: 1001}", 1, "feeds.limit", "must be at most 1000, got 1001", ""),
    ("feeds: {limit: many}", 1, "feeds.limit", "must be a whole number, got 'many'", ""),
    ("feeds: {limit: 1.5}", 1, "feeds.limit", "must be a whole number, got 1.5", ""),
    ("feeds: {limit: yes}", 1, "feeds.limit", "must be a whole number, got yes", ""),
    ("feeds: {limit: [1]}", 1, "feeds.limit", "must be a whole number, got a list", ""),
    ("feeds: {content: summary}", 1, "feeds.content", "must be full or excerpt, got 'summary'", ""),
    ("feeds: {content: Ful}", 1, "feeds.content", "must be full or excerpt, got 'Ful'", "did you mean full?"),
    (
        "feeds:\n  formats:\n    - rss\n    - jsn",
        4,
        "feeds.formats.1",
        "must be rss, atom or json, got 'jsn'",
        "json?",
    ),
    ("feeds: {formats: []}", 1, "feeds.formats", "must not be empty", ""),
    ("feeds: {formats: [rss, rss]}", 1, "feeds.formats", "names something twice", "once is enough"),
    (
        "feeds: {path: 's3://News/feeds'}",
        1,
        "feeds.path",
        "must name a bucket: lower case",
        "s3://news/feeds",
    ),
    ("feeds: {path: 's3://'}", 1, "feeds.path", "must name a bucket", ""),
    ("feeds: {path: 's3://key:word@news'}", 1, "feeds.path", "must not hold a key", "AWS_ACCESS_KEY_ID"),
    ("feeds: {path: 's3://news:9000/feeds'}", 1, "feeds.path", "must not hold a key or a port", "ENDPOINT"),
    ("feeds: {path: 's3://news/a//b'}", 1, "feeds.path", "must have a prefix of letters", "s3://news/feeds"),
    ("feeds: {path: 's3://news/../b'}", 1, "feeds.path", "must have a prefix of letters", "s3://news/feeds"),
    ("feeds: {path: 's3://news/.well-known'}", 1, "feeds.path", "must have a prefix of letters", ""),
    (
        "feeds: {path: 's3:/news/feeds'}",
        1,
        "feeds.path",
        "or a bucket as s3://BUCKET/PREFIX",
        "s3://news/feeds",
    ),
    ("feeds: {path: 'S3://news'}", 1, "feeds.path", "must be a folder, or a bucket", "write s3://news"),
    ("feeds: {path: 'S3://key:word@news'}", 1, "feeds.path", "must be a folder, or", "AWS_ACCESS_KEY_ID"),
    ("feeds: {path: 'https://s3.example/news'}", 1, "feeds.path", "must be a folder, or", "AWS_ENDPOINT_URL"),
    ("feeds: {path: 'gs://news/feeds'}", 1, "feeds.path", "must be a folder, or", "the language of S3"),
    ("feeds: {path: .}", 1, "feeds.path", "must not be the folder of config.yaml", "such as feeds"),
    ("feeds: {path: ..}", 1, "feeds.path", "must not be the folder of config.yaml or one around it", ""),
    ("feeds: {path: content/feeds}", 1, "feeds.path", "must not lie in a folder of articles", "content.path"),
    (
        "content: {path: feeds/in}",
        1,
        "content.path",
        "must not lie in the folder of the feeds, got 'feeds/in'",
        "",
    ),
    ("feeds: {path: .feedbot}", 1, "feeds.path", "must not hold the state", "such as feeds"),
    ("feeds: {path: content}", 1, "feeds.path", "must not hold the folder of articles", "which is content"),
    ("content: {path: .}", 1, "content.path", "must not hold the folder of the feeds", "feeds.path lie"),
    (
        "content:\n  path:\n  - a\n  - b\n  - a/c",
        5,
        "content.path.2",
        "lies in another folder of articles",
        "content.path.0",
    ),
    ("content: {path: [a, ./a]}", 1, "content.path.1", "lies in another folder of articles", ""),
    ("content: {path: []}", 1, "content.path", "must not be empty", ""),
    ("content: {path: ''}", 1, "content.path", "must be a path", ""),
    ("content: {path: {a: b}}", 1, "content.path", "must be a list, got a mapping", ""),
    ("content: {path: 'git://a'}", 1, "content.path", "must be a folder on this machine", ""),
    (
        "content: {timezone: Mars/Base}",
        1,
        "content.timezone",
        "must be a time zone, got 'Mars/Base'",
        "Europe/Vienna",
    ),
    (
        "content: {permalink: '/:year/:titel/'}",
        1,
        "content.permalink",
        "has :titel, which stands for nothing, got '/:year/:titel/'",
        ":slug, :slugorcontentbasename, :slugorfilename, :title",
    ),
    (
        "content: {permalink: '/:year/'}",
        1,
        "content.permalink",
        "would give articles the same address",
        ":title",
    ),
    (
        "content: {permalink: 'https://a.example/:title'}",
        1,
        "content.permalink",
        "must be a path on the site",
        "/:year/",
    ),
    ("content: {permalink: '/{{ slug }}/'}", 1, "content.permalink", "must be a path on the site", "/:year/"),
    (
        "content: {fields: jekyl}",
        1,
        "content.fields",
        "must be smartable, jekyll or hugo, got 'jekyl'",
        "jekyll?",
    ),
    (
        "content:\n  fields:\n    titel: headline",
        3,
        "content.fields.titel",
        "is not an option",
        "did you mean title?",
    ),
    (
        "content:\n  fields:\n    summary: [excerpt, Secured]",
        3,
        "content.fields.summary",
        "cannot be read from `secured`",
        "another key",
    ),
    ("feeds: {max_item_size: big}", 1, "feeds.max_item_size", "must be a size, got 'big'", "64KB"),
    (
        "feeds: {hub: hub.example.com}",
        1,
        "feeds.hub",
        "must be an absolute http or https address",
        "https://",
    ),
    ("feeds:\n  topics:\n    AI: {slug: A I}", 3, "feeds.topics.AI.slug", "got 'A I'", "such as a-i"),
    (
        "feeds:\n  topics:\n    AI: {slug: con}",
        3,
        "feeds.topics.AI.slug",
        "is a name that feedbot or a disk needs for itself",
        "such as topic-con",
    ),
    ("feeds:\n  topics:\n    AI: {slug: ../x}", 3, "feeds.topics.AI.slug", "must be lower case", ""),
    (
        "feeds:\n  topics:\n    AI: {feed: maybe}",
        3,
        "feeds.topics.AI.feed",
        "must be true or false, got 'maybe'",
        "",
    ),
    ("feeds:\n  topics:\n    AI: off", 3, "feeds.topics.AI", "must be a mapping", ""),
    ("feeds:\n  topics:\n    2020: {}", 3, "feeds.topics.2020", "must be text", "quotes"),
    ("feeds: {topics: [AI]}", 1, "feeds.topics", "must be a mapping", ""),
    (
        "feeds:\n  topics:\n    AI: {}\n    'ai ': {}",
        4,
        "feeds.topics.ai ",
        "is there twice",
        "feeds.topics.AI",
    ),
    (
        "feeds:\n  topics:\n    A: {slug: x}\n    B: {slug: x}",
        4,
        "feeds.topics.B.slug",
        "is the slug of two feeds",
        ".A.",
    ),
    (
        "feeds:\n  named:\n  - {name: a}\n  - {name: ' A'}",
        4,
        "feeds.named.1.name",
        "is the name of two feeds",
        "named.0",
    ),
    (
        "feeds:\n  topics: {AI: {slug: top}}\n  named: [{name: Top}]",
        3,
        "feeds.named.0.name",
        "is the slug of two",
        "",
    ),
    ("feeds:\n  named:\n    - title: a", 3, "feeds.named.0.name", "is missing", ""),
    (
        "feeds: {named: [{name: a, where: {min_heat: -1}}]}",
        1,
        "feeds.named.0.where.min_heat",
        "must be at least 0",
        "",
    ),
    (
        "feeds: {named: [{name: a, where: {topic: b}}]}",
        1,
        "feeds.named.0.where.topic",
        "is not an option",
        "topics?",
    ),
    ("schedule: {scan: soon}", 1, "schedule.scan", "must be a duration or a cron expression", "60s"),
    (
        "schedule: {scan: 60}",
        1,
        "schedule.scan",
        "must be a duration or a cron expression of five fields, got 60",
        "",
    ),
    ("schedule: {scan: 500ms}", 1, "schedule.scan", "must be at least 1s", ""),
    ("schedule: {scan: '61 * * * *'}", 1, "schedule.scan", "has an impossible minute", "from 0 to 59"),
    ("schedule: {scan: '* * 0 * *'}", 1, "schedule.scan", "has an impossible day of the month", ""),
    ("schedule: {scan: '* 9-5 * * *'}", 1, "schedule.scan", "has an impossible hour", ""),
    ("schedule: {scan: '* * * * noday'}", 1, "schedule.scan", "has an impossible day of the week", ""),
    ("schedule: {scan: '*/0 * * * *'}", 1, "schedule.scan", "has an impossible minute", ""),
    ("schedule: {scan: '0 0 1 * mon'}", 1, "schedule.scan", "must not name days of the month and", "put *"),
    ("announce: {max_age: 14}", 1, "announce.max_age", "must be a duration, got 14", "such as 90s or 14d"),
    ("announce: {max_age: 1:30}", 1, "announce.max_age", "must be a duration, got 1:30", ""),
    ("announce: {max_age: 99999999w}", 1, "announce.max_age", "at most ten years", ""),
    ("announce: {burst: 0}", 1, "announce.burst", "must be at least 1", ""),
    ("store: {url: 'mysql://db/feeds'}", 1, "store.url", "must be a database address", "sqlite:///PATH"),
    ("store: {url: 'sqlite://'}", 1, "store.url", "must be a database address", ""),
    ("store: {url: 'sqlite:///:memory:'}", 1, "store.url", "must name a file", "outlive"),
    (
        "store: {url: 'sqlite:///feeds/x.db'}",
        1,
        "store.url",
        "must not lie in the folder of the feeds",
        "public",
    ),
    (
        "store: {url: 'postgres://u:a@b@db.example/x'}",
        1,
        "store.url",
        "must be a database address",
        "%40 for an @",
    ),
    ("store: {url: 'postgres://[x/'}", 1, "store.url", "must be a database address", ""),
    ("targets: {name: a}", 1, "targets", "must be a list", "-"),
    ("targets: [null]", 1, "targets.0", "must be a mapping", ""),
    ("targets:\n  - name: a", 2, "targets.0.type", "is missing", "webhook, slack"),
    (
        "targets:\n  - {name: a, type: slak}",
        2,
        "targets.0.type",
        "must be webhook, slack",
        "did you mean slack?",
    ),
    (f"targets: [{{{TOOTS}, image: maybe}}]", 1, "targets.0.image", "must be true, false or required", ""),
    (f"targets: [{{{TOOTS}, image: []}}]", 1, "targets.0.image", "must be true, false or required", ""),
    ("targets:\n  - {name: a, type: slack}", 2, "targets.0.url", "is missing", "Address of"),
    (
        "targets:\n  - {name: a, type: slack, url: here}",
        2,
        "targets.0.url",
        "must be an absolute http",
        "${NAME}",
    ),
    (
        "targets:\n  - {name: a, type: webhook, url: 'https://a.example/'}",
        2,
        "targets.0",
        "has no secret",
        "unsigned",
    ),
    (
        "targets:\n  - {name: a, type: webhook, url: 'https://a.example/', secret: x}",
        2,
        "targets.0.secret",
        "whsec_",
        "openssl",
    ),
    (
        f"targets:\n  - {{{TOOTS}, visibility: hidden}}",
        2,
        "targets.0.visibility",
        "must be public, unlisted, private or direct, got 'hidden'",
        "",
    ),
    (
        f"targets:\n  - {{{HOOK}, headers: {{Host: x}}}}",
        2,
        "targets.0.headers.Host",
        "is a header that feedbot sets itself",
        "",
    ),
    (
        f"targets:\n  - {{{HOOK}, headers: {{'a b': x}}}}",
        2,
        "targets.0.headers.a...",
        "is a name that no header can have",
        "hyphens",
    ),
    (
        f"targets:\n  - {{{TOOTS},\n     template: '{{{{ titel }}}} {{{{ url }}}}'}}",
        3,
        "targets.0.template",
        "uses titel, which is no variable",
        "did you mean title?",
    ),
    (
        f'targets:\n  - {{{TOOTS},\n     template: "{{{{ title }}}}\\n{{{{ url"}}',
        3,
        "targets.0.template",
        "is not valid: a {{ is not closed, in its line 2",
        "write }} behind it",
    ),
    (
        f'targets:\n  - {{{TOOTS},\n     template: "{{{{ title }}}}\\n{{{{ url\\n{{{{ hashtags }}}}"}}',
        3,
        "targets.0.template",
        "is not valid: a {{ is not closed, in its line 2",
        "write }} behind it",
    ),
    (
        f"targets:\n  - {{{TOOTS},\n     template: '{{% iff title %}}'}}",
        3,
        "targets.0.template",
        "is not valid: there is no {% iff %}",
        "if, for and set",
    ),
    (
        f"targets:\n  - {{{TOOTS},\n     template: '{{{{ title }}}}\\n{{{{ url }}}}'}}",
        3,
        "targets.0.template",
        r"has \n as two characters, got '{{ title }}\n{{ url }}'",
        "double quotes, or a block with |",
    ),
    (
        "targets:\n  - name: a\n    type: slack\n    url: https://a.example/\n    template: '{% if title %}'",
        5,
        "targets.0.template",
        "is not valid: unexpected end of template",
        "{% if %} needs an {% endif %}",
    ),
    (
        f"targets:\n  - {{{TOOTS},\n    template: '{{{{ published.strftime(\"%Y\") }}}}'}}",
        3,
        "targets.0.template",
        "calls a function",
        "published|date('%d %B %Y')",
    ),
    (
        f"targets:\n  - name: a\n    type: slack\n    {CHAT}\n    events: [publishd]",
        5,
        "targets.0.events.0",
        "must be published, updated or withdrawn, got 'publishd'",
        "did you mean published?",
    ),
    (
        f"targets:\n  - {{name: a, type: slack, {CHAT}, events: publishd}}",
        2,
        "targets.0.events",
        "must be published, updated or withdrawn, got 'publishd'",
        "did you mean published?",
    ),
    ("feeds: {formats: rs}", 1, "feeds.formats", "must be rss, atom or json, got 'rs'", "did you mean rss?"),
    ("feeds: {formats: [rs]}", 1, "feeds.formats.0", "must be rss, atom or json, got 'rs'", "mean rss?"),
    (
        f"targets:\n  - {{name: a, type: slack, {CHAT}, events: []}}",
        2,
        "targets.0.events",
        "must not be empty",
        "",
    ),
    (
        f"targets:\n  - {{name: a, type: discord, {CHAT},\n     events: published}}",
        3,
        "targets.0.events",
        "is not an option of discord",
        "discord has on_update and on_withdraw instead",
    ),
    (
        f"targets:\n  - {{name: a, type: teams, {CHAT},\n     on_update: edit}}",
        3,
        "targets.0.on_update",
        "is not an option of teams",
        "teams has events instead",
    ),
    (
        "targets:\n  - name: a\n    type: mastodon\n    token: not-a-token\n    base_url: https://x.example/@me",
        5,
        "targets.0.base_url",
        "must be the address of a server, without a path, got 'https://x.example/@me'",
        "write https://x.example/",
    ),
    (
        "targets:\n  - name: a\n    type: mastodon\n    base_url: https://x.example\n    token: abc",
        5,
        "targets.0.token",
        "is too short to be an access token",
        "copy all of it",
    ),
    (
        f"targets:\n  - {{{TOOTS}}}\n  - {{{TOOTS.replace('name: a', 'name: b')}}}",
        3,
        "targets.1.token",
        "is the token of two targets on one server",
        "the other is targets.0.token",
    ),
    *(
        (
            f"targets:\n  - {{name: a, type: slack, {CHAT}, where:\n     {{{option}: []}}}}",
            3,
            f"targets.0.where.{option}",
            "names none",
            "leave it away",
        )
        for option in ("topics", "categories", "types", "providers")
    ),
    (
        "feeds: {named: [{name: a, where: {topics: []}}]}",
        1,
        "feeds.named.0.where.topics",
        "names none",
        "leave it away",
    ),
    *(
        (
            f"targets:\n  - {{{TOOTS}, hashtags: {{aliases:\n     {{x: {alias}}}}}}}",
            3,
            "targets.0.hashtags.aliases.x",
            what,
            hint,
        )
        for alias, what, hint in (
            ("'C #'", "is no hashtag: those have letters, digits and _ only", "such as C"),
            ("low-code", "is no hashtag", "such as LowCode"),
            ("'2026'", "is no hashtag", "letters and digits"),
            ("'#'", "is no hashtag", '"" for no hashtag'),
            (f"{'x' * 101}", "must have at most 100 characters", "cut or not recognised"),
        )
    ),
    *(
        (f'targets:\n  - {{type: slack, {CHAT},\n     name: "{name}"}}', 3, "targets.0.name", what, hint)
        for name, what, hint in (
            ("a\\nb", "must not have line breaks or characters that nobody sees", "newsdesk"),
            ("a\\u200b", "must not have line breaks or characters that nobody sees", "newsdesk"),
            (" a ", "must not begin or end with a space", "write a"),
            ("-a", "must not begin with a hyphen", "one of their options"),
            ("n" * 81, "must have at most 80 characters", "every line"),
        )
    ),
    (
        "targets:\n  - &a {name: a}\n  - *a",
        3,
        "",
        "an alias",
        "",
    ),
    ("feeds: {limit: 5\n", 1, "", "never closed", ""),
    ("feeds:\n\tlimit: 5\n", 2, "", "a tab", "indent with spaces"),
    ("feeds: {}\nfeeds: {}\n", 2, "", "the key `feeds` is given twice", ""),
]


WRONG_SITES = [
    ("title: NO", "title", "must be text, got NO", "quotes"),
    ("title: ''", "title", "must not be empty, got ''", ""),
    ("title:", "title", "is missing", "Name of the site"),
    (
        "url: news.example.com",
        "url",
        "must be an absolute http or https address, got 'news.example.com'",
        "https://",
    ),
    ("url: ftp://a.example/", "url", "must be an absolute http or https address", ""),
    ("url: 'https://a b.example/'", "url", "must be an absolute http or https address", ""),
    ("url: https://a.example:99999/", "url", "must be an absolute http or https address", ""),
    ("url: https://a.example/?x=1", "url", "must be the address of a folder", "? or #"),
    ("feeds_url: https:///feeds/", "feeds_url", "must be an absolute http or https address", ""),
    ("id_base: news.example.com", "id_base", "must begin with an absolute URI", "tag:"),
    ("id_base: 'tag:news.example.com:'", "id_base", "is not a tag URI", "2026:"),
    ("id_base: 'tag:news.example.com,26:'", "id_base", "is not a tag URI", ""),
    ("id_base: 'tag:news.example.com,2026'", "id_base", "is not a tag URI", ""),
    ("id_base: 'urn:ü:'", "id_base", "must begin with an absolute URI in plain ASCII", ""),
    ("language: english language", "language", "must be a language tag, got 'english language'", "de-AT"),
    ("author: Me", "author", "must be a mapping", ""),
    ("author: {nmae: Me}", "author.nmae", "is not an option", "did you mean name?"),
    ("icon: /icon.png", "icon", "must be an absolute http or https address", ""),
]


LEAKS = [
    f"targets: [{{name: a, type: slack, url: '{SECRET}'}}]",
    f"targets: [{{name: a, type: slack, url: ['{SECRET}']}}]",
    f"targets: [{{name: a, type: slack, ulr: 'https://a.example/{SECRET}'}}]",
    f"targets: [{{name: a, type: slak, url: 'https://a.example/{SECRET}'}}]",
    f"targets: [{{name: a, url: 'https://a.example/{SECRET}'}}]",
    f"targets: ['https://a.example/{SECRET}']",
    f"targets: 'https://a.example/{SECRET}'",
    f"targets: [{{'https://a.example/{SECRET}': 1}}]",
    f"targets: [{{name: a, type: webhook, url: 'https://a.example/', secret: '{SECRET}'}}]",
    f"targets: [{{name: a, type: webhook, url: 'https://a.example/', secret: ['{SECRET}', 5]}}]",
    f"targets: [{{{HOOK}, headers: '{SECRET}'}}]",
    f"targets: [{{{HOOK}, headers: {{Host: '{SECRET}'}}}}]",
    f"targets: [{{{HOOK}, headers: {{'Authorization: Bearer {SECRET}': x}}}}]",
    f"targets: [{{{HOOK}, headers: {{'Authorization: Bearer {SECRET}': }}}}]",
    f"targets: [{{name: a, type: mastodon, base_url: 'https://x:{SECRET}@m.example', token: ['{SECRET}']}}]",
    f"targets: [{{name: a, type: mastodon, base_url: 'https://m.example', token: {{a: '{SECRET}'}}}}]",
    f"store: {{url: 'mysql://u:{SECRET}@db.example/x'}}",
    f"store: {{ulr: 'postgres://u:{SECRET}@db.example/x'}}",
    f"store: 'postgres://u:{SECRET}@db.example/x'",
    f"store: {{url: 'postgres://u:p@{SECRET}@db.example/x'}}",
    f"feeds: {{path: 'S3://key:{SECRET}@news/feeds'}}",
    f"feeds: {{path: 's3:/key:{SECRET}@news/feeds'}}",
    "targets: [{name: a, type: slack, url: 'ftp://a.example/${TOKEN}'}]",
    "feeds: {limit: '${TOKEN}', content: '${TOKEN}', hub: 'x${TOKEN}'}",
    f"targets: [{{name: a, type: slack, url: 'https://a.example/{SECRET}'}}, {{name: a}}",
    f"targets: [{{name: a, type: slack, url: 'https://a.example/{SECRET}: x\n",
]
