"""What feedbot does, said to Pelican: the 50 newest published articles as RSS and Atom, for the site and for
every topic, with their bodies where they have one (in Atom). No HTML pages; no pictures and no JSON Feed, for
Pelican cannot write them.

The articles need Pelican's field names (`corpus.py --fields pelican`); the plugin yaml-metadata reads them.
"""

SITENAME = "Example Newsroom"
SITEURL = "https://feeds.example.com"
TIMEZONE = "UTC"
DEFAULT_LANG = "en"
PLUGINS = ["pelican.plugins.yaml_metadata"]

FEED_MAX_ITEMS = 50
RSS_FEED_SUMMARY_ONLY = True
FEED_ALL_RSS, TAG_FEED_RSS = "rss.xml", "topics/{slug}/rss.xml"
FEED_ALL_ATOM, TAG_FEED_ATOM = "atom.xml", "topics/{slug}/atom.xml"
CATEGORY_FEED_ATOM = AUTHOR_FEED_ATOM = AUTHOR_FEED_RSS = TRANSLATION_FEED_ATOM = None

# "C++" and "C#" are two topics.
TAG_REGEX_SUBSTITUTIONS = [
    (r"\+", " plus "),
    (r"#", " sharp "),
    (r"&", " and "),
    (r"\W+", "-"),
    (r"^-|-$", ""),
]

# An article belongs to its topics and has no page of its own: its link leads to where it came from.
ARTICLE_URL = "{weburl}"
ARTICLE_SAVE_AS = ARTICLE_LANG_SAVE_AS = DRAFT_SAVE_AS = DRAFT_LANG_SAVE_AS = ""
CATEGORY_SAVE_AS = TAG_SAVE_AS = AUTHOR_SAVE_AS = ""
CATEGORIES_SAVE_AS = TAGS_SAVE_AS = AUTHORS_SAVE_AS = ARCHIVES_SAVE_AS = ""
DIRECT_TEMPLATES: list[str] = []
PAGE_PATHS: list[str] = []
STATIC_PATHS: list[str] = []
THEME_STATIC_PATHS: list[str] = []
