"""Bodies: from Markdown and HTML of any origin to HTML that any reader may show."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from lxml import html as lxml_html
from markdown_it import MarkdownIt

from feedbot.content.kramdown import without_attributes
from feedbot.content.markup import Markup, render, render_embed
from feedbot.content.sanitise import sanitise

BASE = "https://news.example.com/story/"
SITE = "https://news.example.com/sub/"
PIECES = [
    *[
        "<p>",
        "</p>",
        "<b>",
        "</b>",
        "<table>",
        "<td>",
        "<script>",
        "</script>",
        "<style>",
        "<!--",
        "-->",
        "]]>",
    ],
    *[
        '<img src="/a.png">',
        "<img src=x onerror=alert(1)>",
        '<a href="javascript:x">',
        '<a href="//b.example">',
    ],
    *[
        '<iframe src="/v"></iframe>',
        "<video poster=/p><source src=/v.mp4>",
        "</video>",
        "<object data=/o>",
        "<svg>",
        '<a title="x href=" lang=en href="java&#x200b;script:alert(1)">',
        '<img alt="x" title="y src=" src="java&#x200b;script:alert(1)">',
        '<audio> src="x"</audio>',
        f"<iframe>{'words ' * 60}",
        "<ifr<video>ame src='/e'>",
        "</iframe>",
    ],
    *[
        "&#1;",
        "&#xfffe;",
        "\x00",
        "\u202e",
        "> ",
        "- ",
        "\n",
        "\n\n",
        "| a |\n|---|\n",
        "[x](y)",
        "text",
        " ",
    ],
    *["![z](w)", "`", "**", "</a>"],
]
FORBIDDEN = {"script", "style", "iframe", "video", "audio", "object", "embed", "source", "svg"}
BODIES = st.lists(st.sampled_from(PIECES), max_size=15).map("".join) | st.text(max_size=60)


def html_of(source: str, *, markdown: bool = True) -> str:
    rendered = render(source, markdown=markdown, base=BASE)
    assert rendered.remarks == ()
    return rendered.html


@pytest.mark.parametrize(
    ("source", "html"),
    [
        (
            "# Head\n\nA *b* **c** ~~d~~ `e`",
            "<h1>Head</h1>\n<p>A <em>b</em> <strong>c</strong> <del>d</del> <code>e</code></p>",
        ),
        ("|a|\n|-|", "<table><thead><tr><th>a</th></tr></thead><tbody>\n</tbody></table>"),
        ("[a](javascript:x) b", "<p><a>a</a> b</p>"),
        ("![alt](/a.png)", '<p><img src="https://news.example.com/a.png" alt="alt"></p>'),
        ("[a](b?x=1&y=2)", '<p><a href="https://news.example.com/story/b?x=1&amp;y=2">a</a></p>'),
        ("<https://a.example>", '<p><a href="https://a.example">https://a.example</a></p>'),
        ("<me@a.example>", '<p><a href="mailto:me@a.example">me@a.example</a></p>'),
        ("<div>\n\n*in* HTML\n\n</div>", "<div>\n<p><em>in</em> HTML</p>\n</div>"),
        ('Write `href="/x"` or href="/x".', '<p>Write <code>href="/x"</code> or href="/x".</p>'),
    ],
)
def test_markdown_becomes_html(source: str, html: str) -> None:
    assert html_of(source) == html


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ('<p style="x" onclick="y" class="z" id="i">a</p>', "<p>a</p>"),
        ("<script>a</script><style>b</style><title>c</title><noscript>d</noscript>e", "e"),
        ("<form>Name <input><select><option>x</select><textarea>y</textarea></form>", "Name"),
        ('<a href="/x" target="_blank" rel="next">x</a>', '<a href="https://news.example.com/x">x</a>'),
        ('<a href="https://ü.example/ä b">x</a>', '<a href="https://xn--tda.example/%C3%A4%20b">x</a>'),
        ('<a href="jav&#x09;ascript:x">x</a>', "<a>x</a>"),
        ('<img src="data:image/png;base64,AA"><img alt="x">y', "y"),
        (
            '<img srcset="/b 2x" src="/a" width="3" loading="lazy">',
            '<img src="https://news.example.com/a" width="3">',
        ),
        ("<p>&nbsp;</p><!-- nothing --><br>", ""),
        ("<custom-tag>inside</custom-tag>", "inside"),
    ],
)
def test_html_keeps_its_text_and_loses_what_runs_styles_or_leads_nowhere(source: str, html: str) -> None:
    assert html_of(source, markdown=False) == html


@pytest.mark.parametrize(
    ("source", "url", "shown"),
    [
        ('<iframe src="//player.example/1"></iframe>', "https://player.example/1", "player.example"),
        ('<iframe src="/1" title="A &amp; B"></iframe>', "https://news.example.com/1", "A &amp; B"),
        (
            '<iframe src="https://www.youtube.com/embed/abc_DEF-123?rel=0"></iframe>',
            "https://www.youtube.com/watch?v=abc_DEF-123",
            "youtube.com",
        ),
        (
            '<iframe src="https://player.vimeo.com/video/1234?h=1"></iframe>',
            "https://vimeo.com/1234",
            "vimeo.com",
        ),
        (
            '<video poster="p.jpg"><source src="v.mp4">No player.</video>',
            "https://news.example.com/story/v.mp4",
            '<img src="https://news.example.com/story/p.jpg" alt="news.example.com">',
        ),
        ('<audio src="/a.mp3"></audio>', "https://news.example.com/a.mp3", "news.example.com"),
        ('<object data="/o"><param name="x"></object>', "https://news.example.com/o", "news.example.com"),
        ('<embed src="/e">', "https://news.example.com/e", "news.example.com"),
    ],
)
def test_an_embed_becomes_a_plain_link(source: str, url: str, shown: str) -> None:
    link = f'<p><a href="{url}">{shown}</a></p>'
    assert html_of(source, markdown=False) == link
    assert html_of(f"<p>{source}</p>", markdown=False) == link
    assert html_of(f"<p>before {source}", markdown=False) == f"<p>before </p>{link}"


def test_an_embed_without_an_address_leaves_nothing() -> None:
    assert html_of('<iframe src="javascript:x"></iframe><iframe srcdoc="y"></iframe>z', markdown=False) == "z"


def test_text_after_a_player_that_was_never_closed_is_not_lost() -> None:
    rest = "Much text follows, and it must not vanish with the player. " * 10
    assert rest.strip() in html_of(f"<video src=/v><p>No player.</video><p>{rest}</p>", markdown=False)


def test_a_complete_document_in_a_markdown_file_is_reduced_to_its_body() -> None:
    source = (
        "<!-- by machine -->\n<!DOCTYPE html>\n<html><head><title>T</title>\n<style>p{}</style></head>\n"
        "<body bgcolor=red>\n\n    <p>indented, no code</p>\n<!--[if mso]>office<![endif]-->\n</body></html>"
    )
    assert html_of(source) == "<p>indented, no code</p>"


def test_a_document_that_speaks_of_a_body_is_still_markdown() -> None:
    assert html_of("The `<body>` *tag*") == "<p>The <code>&lt;body&gt;</code> <em>tag</em></p>"


DOCUMENT = """\
A first paragraph with *emphasis*, **strength**, ***both***, `code`, ``co`de``, ~~a slip~~ and \\*stars\\*.
It goes on\\
after a break, and  
after another one & so on &amp; on &copy;.

## A heading with `code` and [a link](/page "with a title") ##

Another heading
---------------

> A quote that
goes on lazily
>
> - with a list
> - of two

1. One, see [reference] and [another one][reference], <https://a.example/?x=1&y=2>, <me@a.example>
2. Two ![a picture](<a b.png>)

   with a second paragraph

10) Ten

* * *

    indented code <b>
    and more

```python
print("fenced" < 1)
```

| left | right |
|:-----|------:|
| `a\\|b` | **c** |

<div class="x">
<p>HTML that is <b>taken</b> as it is</p>
</div>

snake_case_words, 2*3*4, a ** b, [no link], ![no picture], http://plain.example, C:\\dir, #no-heading
日本**強調**語 and “quotes”.

[reference]: https://b.example/x(y)z 'A title'
"""  # noqa: W291 - two spaces at the end of a line break it
SAMPLES = [
    DOCUMENT,
    "word\n===\n\nword\n- - -\n",
    "- a\n- b\n\n- c\n    - d\n\n      e\n",
    '[a](b "c\n\n**open `and` *never closed\n',
    "* a\n\n  > b\n  ```\n  c\n  ```\n",
    "<!-- a\n\nb --> c\n\n<b>*d*</b>\n",
    "[a]: <>\n[a] [b]: c\n",
    "1986\\. A year\n\n1986. A list\n",
    "&#35; &#x22; &nosuch; &#0;\n",
    "![a [b](c) *d*](e) [![f](g)](h)\n",
]


def as_another_library_reads_it(source: str) -> str:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return sanitise(parser.render(source), BASE)


def without_spelling(html: str) -> str:
    """What two libraries may write differently: spaces between blocks, and which tag strikes through."""
    tags = html.replace("<s>", "<del>").replace("</s>", "</del>")
    return re.sub(r"\s+", " ", re.sub(r">\s+(?=<)|(?<=>)\s+<", "><", tags).replace("><<", "><"))


@pytest.mark.parametrize("source", SAMPLES)
def test_markdown_is_read_as_another_library_reads_it(source: str) -> None:
    ours = render(source, markdown=True, base=BASE).html
    assert without_spelling(ours) == without_spelling(as_another_library_reads_it(source))


@pytest.mark.parametrize(
    "source",
    [
        "10~20 and 30~40, 3月~5月、6月~7月",
        "[x](https://a.example/~user) <https://a.example/~user>",
        "`~/folder` ~/folder\n\n    ~ code\n",
        '<a href="/~x" title="~">~x~</a>',
    ],
)
def test_a_lone_tilde_is_a_tilde(source: str) -> None:
    ours = render(source, markdown=True, base=BASE).html
    assert without_spelling(ours) == without_spelling(as_another_library_reads_it(source + "\n"))
    assert ours.count("~") == as_another_library_reads_it(source + "\n").count("~")


@given(BODIES, st.booleans())
def test_whatever_the_body_holds_its_html_is_harmless(source: str, markdown: bool) -> None:
    rendered = render(source, markdown=markdown, base=BASE).html
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff\u202a-\u202e]", rendered)
    if not rendered:
        return
    tree = lxml_html.fragment_fromstring(rendered, create_parent="div")
    assert not tree.xpath(
        "//script|//style|//iframe|//video|//audio|//object|//embed|//form|//svg|//source|//img[not(@src)]"
    )
    assert not [
        name
        for element in tree.iter(etree.Element)
        for name in element.attrib
        if name.startswith("on") or name == "style"
    ]
    for url in tree.xpath("//@href|//@src|//@cite|//@poster|//@data"):
        assert url.startswith(("http://", "https://", "mailto:"))


@pytest.mark.parametrize("source", [
    '<a title="x NAME=" href="java&#x200b;script:alert(1)">words</a>',
    '<blockquote title="x NAME=" cite="java&#x200b;script:alert(1)">words</blockquote>',
    '<a lang="en" title="x NAME=" dir="ltr" href="/safe">words</a>',
    '<video title="x NAME=" src="java&#x200b;script:alert(1)"></video>words',
    '<audio> NAME="//evil.example/" <b>words</b></audio>',
])  # fmt: skip
@pytest.mark.parametrize("name", ["href", "src", "cite", "poster", "data"])
def test_no_text_is_taken_for_an_attribute(source: str, name: str) -> None:
    rendered = render(source.replace("NAME", name), markdown=False, base=BASE).html
    tree = lxml_html.fragment_fromstring(rendered, create_parent="div")
    attributes = {name: value for one in tree.iter(etree.Element) for name, value in one.attrib.items()}
    assert attributes.keys() <= {"title", "lang", "dir", "href"}
    assert attributes.get("href", f"{BASE}safe").endswith("/safe")
    assert attributes.get("title", f"x {name}=") == f"x {name}="


@pytest.mark.parametrize(
    ("inside", "shown"),
    [
        ("&#1;&#xfffe;", ""),
        ("<ifr<video>ame src='https://evil.example/'>", ""),
        ("<img alt='' src='/p.png'>", f'<img alt="" src="{BASE[:-7]}/p.png">'),
        ("<a href='java&#x200b;script:alert(1)'>k</a>", "<a>k</a>"),
        ("<a title='x href=' href='java&#x200b;script:alert(1)'>k</a>", '<a title="x href=">k</a>'),
    ],
)
def test_what_a_player_holds_is_cleaned_like_everything_else(inside: str, shown: str) -> None:
    words = "words " * 60  # so many that they are taken for the text of the article, and kept
    assert (
        render(f"<iframe>{words}{inside}</iframe>", markdown=False, base=BASE).html == (words + shown).strip()
    )


@given(BODIES)
def test_rendering_is_the_same_every_time(source: str) -> None:
    assert render(source, markdown=True, base=BASE) == render(source, markdown=True, base=BASE)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x" * 600_000, "larger than 512 KiB of Markdown"),
        (">" * 1_000, "tangled"),
        ("&" * 200_000, "special characters"),
        ("<div>" * 1_000, "tangled"),
        ("<b></i>" * 1_000, "tangled"),
        ("<div>x<!--</div>-->" * 1_000, "tangled"),  # end tags that are none
        ("<div>x<img title='></div>'>" * 1_000, "tangled"),
        ("<div>x<table><td></div></table>" * 1_000, "tangled"),
        ("<iframe>" + "<d<video>iv>x</d<video>>" * 1_000, "tangled"),
        ("<br>" * 60_001, "tangled"),
        ("".join(f"<font size={n}>" for n in range(100)) + "<p>x</p>" * 5_000, "tangled"),
    ],
)
def test_a_body_made_to_keep_a_reader_busy_is_left_out_with_a_remark(source: str, words: str) -> None:
    rendered = render(source, markdown=True, base=BASE)
    assert rendered.html == ""
    (remark,) = rendered.remarks
    assert words in remark.what


@pytest.mark.parametrize("crowd", ["<pre></pre >", "<!-- ", "<!---->", "<script></script >", "<svg></svg >"])
def test_a_remark_is_found_in_time_that_grows_with_the_body(crowd: str) -> None:
    source = "{% include x %}<svg a>" + crowd * (1_900_000 // len(crowd))  # hours, if with its square
    assert len(render(source, markdown=False, base=BASE).remarks) > 0


def test_a_long_newsletter_is_not_mistaken_for_an_attack() -> None:
    row = (
        '<table><tr><td><font face="x"><b>News</b></font><p>text &amp; more &nbsp; text<br></td></tr></table>'
    )
    assert html_of("<html><body>" + row * 2_000 + "</body></html>", markdown=False).count("News") == 2_000


@pytest.mark.parametrize(
    "tag",
    [
        "{% include x.html %}",
        "{{% figure %}}",
        "![x]({{ site.baseurl }}/x.png)",
        "![x]({{site.baseurl}}/x.png)",
        "[x]({{ '/x/' | relative_url }})",
        "[x]: <{{ site.url }}{% post_url 2026-05-01-x %}>\n\n[x]",
        '<a href="{{page.url}}">x</a>',
        "![x]({static}/x.png)",
        "[x]({filename}first.md)",
    ],
)
def test_what_other_programs_would_fill_in_is_remarked_on(tag: str) -> None:
    (remark,) = render(f"One.\n\nTwo {tag}", markdown=True, base=BASE).remarks
    assert (remark.line, "not executed" in remark.what) == (2, True)


def test_what_mdx_would_import_is_remarked_on() -> None:
    source = "One.\n\nimport Chart from './Chart';\nimport {B} from \"b\"\n"
    assert [remark.line for remark in render(source, markdown=True, base=BASE).remarks] == [2]
    plain = "We import robots from 'Japan'.\n\n```js\nimport a from 'b';\n```\n"
    assert render(plain, markdown=True, base=BASE).remarks == ()


def test_template_tags_outside_code_are_remarked_on_with_their_line() -> None:
    rendered = render("One.\n\n`{% raw %}`\n\n{{< figure >}}", markdown=True, base=BASE)
    assert "{{&lt; figure &gt;}}" in rendered.html
    assert [remark.line for remark in rendered.remarks] == [4]
    assert render("`{% raw %}` and {{ name }}", markdown=True, base=BASE).remarks == ()


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (
            ("Code:\n{% highlight c %}\n#include <stdio.h>\n# no title\n\n    int *a, *b;\n"
            "{% endhighlight %}\n"),
            "<p>Code:</p>\n<pre><code>#include &lt;stdio.h&gt;\n# no title\n\n    int *a, *b;</code></pre>",
        ),
        (
            "{%- highlight html linenos -%}{% raw %}<b>{{ x }}</b>{% endraw %}{%- endhighlight -%}\n",
            "<pre><code>&lt;b&gt;{{ x }}&lt;/b&gt;</code></pre>",
        ),
        ("```\n{% raw %}\n{{ x }}{% endraw %}\n```\n", "<pre><code>\n{{ x }}\n</code></pre>"),
        ("{% raw %}`{% highlight c %}`{% endraw %}\n", "<p><code>{% highlight c %}</code></p>"),
        ("![A](/a.png){: .left width='9' }\n", '<p><img src="https://news.example.com/a.png" alt="A"></p>'),
        ("[A](/a){:target=\"_blank\"}{: .b} b\n", '<p><a href="https://news.example.com/a">A</a> b</p>'),
        ("## Shirts\n{: .no_toc}\n", "<h2>Shirts</h2>"),
        ("> Fold.\n{: .tip }\n", "<blockquote>\n<p>Fold.\n</p>\n</blockquote>"),
        ("* this is replaced\n{:toc}\n\nText.\n", "<p>Text.</p>"),
        (
            "| a | b |\n|---|---|\n| c | d |\n{: .wide}\n",
            ("<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody>\n"
            "<tr><td>c</td><td>d</td></tr>\n</tbody></table>"),
        ),
        ("`{: .x}`{: .y}\n\n    {:toc}\n", "<p><code>{: .x}</code></p>\n<pre><code>{:toc}\n</code></pre>"),
    ],
)  # fmt: skip
def test_what_only_jekyll_reads_is_not_shown_of_its_posts(source: str, shown: str) -> None:
    rendered = render(source, markdown=True, base=BASE, jekyll=SITE)
    assert rendered == Markup(html=shown)
    assert render(source, markdown=True, base=BASE).html != shown


def test_a_footnote_has_its_number_at_both_places_and_leads_nowhere() -> None:
    source = (
        "Robots[^1] fold[^more].\n\n[^1]: All.\n\n    Two paragraphs.\n[^more]: shirts.csv\n\nNot this[^2].\n"
    )
    assert html_of(source) == (
        "<p>Robots<sup>[1]</sup> fold<sup>[2]</sup>.</p>\n"
        "<div><sup>[1]</sup>\n<p>All.</p>\n<p>Two paragraphs.</p>\n</div>\n"
        "<div><sup>[2]</sup>\n<p>shirts.csv</p>\n</div>\n<p>Not this[^2].</p>"
    )


def test_the_name_of_a_heading_is_not_shown() -> None:
    assert html_of("## Shirts {#the-shirts}\n") == "<h2>Shirts</h2>"
    assert html_of("## Sets {a, b} and `{#c}`\n") == "<h2>Sets {a, b} and <code>{#c}</code></h2>"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("{{ site.baseurl }}/a.png", "https://news.example.com/sub/a.png"),
        ("{{site.url}}{{site.baseurl}}/a.png", "https://news.example.com/sub/a.png"),
        ("{{ site.url }}/a.png", "https://news.example.com/a.png"),
        ("{{ '/a.png' | relative_url }}", "https://news.example.com/sub/a.png"),
        ('{{- "a.png" | absolute_url -}}', "https://news.example.com/sub/a.png"),
        ("{{ '/a.png' | prepend: site.baseurl | prepend: site.url }}", "https://news.example.com/sub/a.png"),
        ("{{ 'https://cdn.example/a.png' | relative_url }}", "https://cdn.example/a.png"),
    ],
)
def test_an_address_on_its_own_site_is_filled_in_for_a_jekyll_post(written: str, shown: str) -> None:
    rendered = render(f"![A]({written})\n", markdown=True, base=BASE, jekyll=SITE)
    assert rendered == Markup(html=f'<p><img src="{shown}" alt="A"></p>')
    raw = render(f"{{% raw %}}`{written}`{{% endraw %}}", markdown=True, base=BASE, jekyll=SITE)
    assert raw.html == f"<p><code>{written}</code></p>"
    assert render(f"![A]({written})\n", markdown=True, base=BASE).remarks


@pytest.mark.parametrize("text", ["{:ok, pid}", "{:a 1}", "{:a => 1}", "{:ok}", "{: }"])
def test_what_looks_like_attributes_in_a_jekyll_post_stays(text: str) -> None:
    assert render(f"Say {text}.", markdown=True, base=BASE, jekyll=SITE).html.count("{:") == 1


@pytest.mark.parametrize(
    "crowd", ["\t", "{:", "{: .a", "{{ '", "{% raw %}", "{% highlight c %}", "<tr><td>{:x}</td>"]
)
def test_what_only_jekyll_reads_costs_no_more_than_its_length(crowd: str) -> None:
    source = f"<p>{crowd * (300_000 // len(crowd))}{{:"
    assert render(source, markdown=False, base=BASE, jekyll=SITE).html
    assert without_attributes(source)  # an hour, if with its square


def test_marks_of_liquid_that_are_never_closed_stay_and_no_line_moves() -> None:
    left_open = "{% highlight c %}\nx = 1\n\n{% raw %}\n"
    (remark,) = render(left_open, markdown=True, base=BASE, jekyll=SITE).remarks
    assert remark.line == 0
    after = "{% highlight c %}\nx\n\ny\n{% endhighlight %}\n{% raw %}z{% endraw %}\n\n{% include a %}\n"
    (remark,) = render(after, markdown=True, base=BASE, jekyll=SITE).remarks
    assert remark.line == 7


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("One.\n\nTwo <svg viewBox='0 0 1 1'><path d='M0 0'/></svg>\n", 2),
        ("\n<MATH display='block'><mi>x</mi></MATH>\n\n<svg></svg>", 1),
        ("`<svg>`\n\n```\n<math>\n```\n\n<svg>\n</svg>", 6),
    ],
)
def test_a_drawing_that_is_left_out_is_remarked_on_once(source: str, line: int) -> None:
    rendered = render(source, markdown=True, base=BASE)
    (remark,) = rendered.remarks
    assert "is left out" in remark.what
    assert remark.line == line


def test_of_a_drawing_nothing_is_left() -> None:
    source = "<math><mi>x</mi></math><svg><text>y</text></svg>z"
    assert render(source, markdown=False, base=BASE).html == "z"


@pytest.mark.parametrize(
    "source",
    [
        "`<svg>`\n\n    <math>\n",
        "<!-- <svg> -->",
        "<script>document.write('<svg>')</script>",
        '<a href="#x"><svg class="icon" aria-hidden="true"></svg>x</a>',
        "<mathematics> and <svg-icon>",
    ],
)
def test_what_nobody_would_have_seen_is_not_remarked_on(source: str) -> None:
    assert render(source, markdown=True, base=BASE).remarks == ()


def test_an_empty_body_gives_no_html() -> None:
    assert render(" \n\t", markdown=True, base=BASE) == Markup()


def test_a_featured_player_gets_the_picture_and_title_of_its_article() -> None:
    raw = '<iframe src="https://player.example/1" width="9"></iframe>'
    link = render_embed(raw, BASE, poster="https://a.example/p?x=1&y=2", title='A "B" & C')
    assert link == (
        '<p><a href="https://player.example/1"><img src="https://a.example/p?x=1&amp;y=2"'
        ' alt="A &quot;B&quot; &amp; C"></a></p>'
    )
    assert render_embed("<div>" * 9_000, BASE, poster="", title="") == ""
