"""The operator's page as HTML: what `overview` gathered, for a person with a browser and nothing else. Pure.

Without scripts; its style sheet is served beside it. What others said goes through `redact` before it is
shown, and everything is escaped.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from msgspec import convert

from feedbot.model import Finding
from feedbot.moments import FAR, distance, number_of, span
from feedbot.observe import Redact
from feedbot.operator.ledger import delivery_as_json
from feedbot.report.chart import HOURS, SPANS, Span
from feedbot.report.health import Verdict
from feedbot.report.overview import Need, Overview, needs
from feedbot.report.queue import WAITING

if TYPE_CHECKING:
    from feedbot.model import JsonObject

# No script, nothing from elsewhere; the icon is in the page itself.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
HEADLINES = {
    Verdict.OK: "The feeds are kept fresh",
    Verdict.STALE: "The feeds are not kept fresh",
    Verdict.FAILING: "Passes fail",
    Verdict.UNKNOWN: "There was no pass yet",
}
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def render_overview(overview: Overview, site: str, redact: Redact, *, reload: int = 0) -> bytes:
    """The page; `reload` is how often the browser loads it anew, in seconds, 0 for never."""
    now = overview.diagnosis.now
    found = needs(overview)
    return _render(
        "status.html",
        redact,
        now,
        site=site,
        overview=overview,
        diagnosis=overview.diagnosis,
        status=overview.status,
        needs=found,
        tone=tone_of(overview, found),
        headline=HEADLINES[overview.diagnosis.verdict],
        chart=overview.chart,
        deliveries=[delivery_as_json(one) for one in overview.recent.shown],
        reload=reload,
    )


def render_unreadable(reason: str, site: str, redact: Redact, now: datetime) -> bytes:
    """The page for when the state cannot be read; `reason` says what to do."""
    return _render("unreadable.html", redact, now, site=site, reason=reason, tone="bad")


def tone_of(overview: Overview, found: list[Need]) -> str:
    """How the page looks at first sight: `good`, `warn` or `bad`."""
    if overview.diagnosis.verdict is not Verdict.OK or any(need.is_bad for need in found):
        return "bad"
    return "warn" if found else "good"


@cache
def style_sheet() -> bytes:
    """The page's style sheet."""
    return (resources.files("feedbot.report") / "templates" / "status.css").read_bytes()


def _render(template: str, redact: Redact, now: datetime, **values: Any) -> bytes:
    def said(text: str) -> str:
        return plain(redact(text))

    def ago(moment: datetime | str) -> str:
        when = _moment(moment)
        return distance(when, now) if abs(when - now) < FAR else f"{when:%Y-%m-%d}"

    def lasting(moment: datetime) -> str:
        return span(now - moment)

    return (
        _environment()
        .get_template(template)
        .render(now=now, said=said, ago=ago, lasting=lasting, style=_style_address(), **values)
        .encode("utf-8", "replace")
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("feedbot.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(spans=SPANS, queued=WAITING, address=address_of)
    environment.filters.update(
        moment=_moment,
        utc=lambda moment: f"{_moment(moment):%Y-%m-%d %H:%M:%S} UTC",
        stamp=lambda moment: f"{_moment(moment):%Y-%m-%dT%H:%M:%SZ}",
        plain=plain,
        number=lambda number: f"{number:,}",
        count=number_of,
        span=span,
        place=place_of,
        subject=subject_of,
    )
    return environment


def address_of(shown: Span, reload: int) -> str:
    """The address of the page with a chart of `shown`, that loads itself again if `reload` is not 0."""
    words = [*([shown.word] if shown is not HOURS else []), *(["reload"] if reload else [])]
    return "status" + ("?" + "&".join(words) if words else "")


def plain(text: str) -> str:
    """`text` without characters that no page may have; what is odd otherwise is shown in isolation."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def _moment(moment: datetime | str) -> datetime:
    """One of the moments in JSON, or a moment as it is, in UTC."""
    return (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).astimezone(UTC)


def place_of(finding: JsonObject) -> str:
    """Where a finding is, in the form that editors jump to."""
    return convert(finding, Finding).place


def subject_of(delivery: JsonObject) -> str:
    """What a delivery is about: an article by its title, or a feed."""
    if article := delivery["article"]:
        return str(article["title"] or article["path"])
    feed = delivery["feed"]
    return f"Feed: {feed['title']}" if feed["slug"] else "Feed of all articles"


@cache
def _style_address() -> str:
    """With a digest, so that browsers may keep the style sheet until it changes."""
    return f"status.css?{hashlib.sha256(style_sheet()).hexdigest()[:12]}"
