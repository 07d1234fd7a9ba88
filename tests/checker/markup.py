"""Whether HTML is written as the standard has it (html.spec.whatwg.org, 4 and 13.1): no parser's mercy."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
PHRASING = {
    "a", "bdi", "bdo", "b", "button", "code", "em", "i", "img", "input", "label", "script", "span", "strong",
    "svg", "time",
}  # fmt: skip
ONLY_PHRASING = {"p", "h1", "h2", "h3", "summary", "label", "span", "bdi", "time", "a", "button"}
PARENTS = {"li": {"ul", "ol"}, "summary": {"details"}, "main": {"body"}, "path": {"svg"}}
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
NEVER = {"style", "iframe", "object", "embed", "form", "base", "font", "center"}
REFERRING = ("for", "aria-labelledby", "aria-describedby")


class Reader(HTMLParser):
    """Follows the tags of a page and notes what is wrong."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.problems: list[str] = []
        self.ids: list[str] = []
        self.referred: list[str] = []
        self._open: list[str] = []
        self._heading = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "li" and self._open and self._open[-1] == "li":
            self._open.pop()  # whose end may be left out before another (13.1.2.4)
        self._look_at(tag, dict(attrs))
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self._note(f"<{tag}> has an attribute twice")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._look_at(tag, dict(attrs))
        if tag != "path":  # outside of SVG a slash means nothing
            self._note(f"<{tag}/> closes itself")

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == "li" != tag:
            self._open.pop()  # whose end may be left out at the end of a list
        if not self._open or self._open.pop() != tag:
            self._note(f"</{tag}> closes what is not open")

    def finish(self) -> list[str]:
        """All problems, once everything was fed."""
        self.close()
        self.problems += [f"<{tag}> is never closed" for tag in self._open]
        self.problems += [f"id {each} stands twice" for each in {*self.ids} if self.ids.count(each) > 1]
        self.problems += [f"nothing has the id {each}" for each in self.referred if each not in self.ids]
        return self.problems

    def _look_at(self, tag: str, attributes: dict[str, str | None]) -> None:
        parent = self._open[-1] if self._open else ""
        if tag in NEVER:
            self._note(f"<{tag}> on the page")
        if parent in ONLY_PHRASING and tag not in PHRASING:
            self._note(f"<{tag}> in <{parent}>")
        if (parent in {"ul", "ol"} and tag != "li") or parent not in PARENTS.get(tag, {parent}):
            self._note(f"<{tag}> in <{parent}>")
        if tag in {"a", "button"} and {"a", "button"} & set(self._open):
            self._note(f"<{tag}> within a control")
        if tag in HEADINGS:
            self._follow(int(tag[1]))
        self._look_at_attributes(tag, attributes)

    def _look_at_attributes(self, tag: str, attributes: dict[str, str | None]) -> None:
        for name, value in attributes.items():
            if name == "style" or name.startswith("on"):
                self._note(f"<{tag}> has {name}, which the policy forbids")
            if name in {"id", "href", "src", "lang", "dir", "class", "aria-label"} and not value:
                self._note(f"<{tag}> has an empty {name}")
            if name in REFERRING and value:
                self.referred += value.split()
        if attributes.get("id"):
            self.ids.append(str(attributes["id"]))
        if str(attributes.get("href", "")).startswith("#"):
            self.referred.append(str(attributes["href"])[1:])

    def _follow(self, level: int) -> None:
        if level > self._heading + 1:
            self._note(f"<h{level}> after <h{self._heading}>")
        self._heading = level

    def _note(self, problem: str) -> None:
        self.problems.append(f"line {self.getpos()[0]}: {problem}")


def check_markup(body: bytes) -> list[str]:
    """Problems of the markup of a page in UTF-8."""
    reader = Reader()
    reader.feed(body.decode())
    return reader.finish()
