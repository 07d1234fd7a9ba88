"""Where front matter ends and the body begins."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedbot.content.frontmatter import MAX_MATTER, FrontMatterError, split

END = st.sampled_from(["\n", "\r\n", "\r"])
LINE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20)


@pytest.mark.parametrize(
    ("data", "matter", "line", "body", "body_line"),
    [
        (b"---\na: 1\n---\nText\n", "a: 1\n", 2, "Text\n", 4),
        (b"---\na: 1\n...\nText", "a: 1\n", 2, "Text", 4),
        (b"---  \na: 1\n---\t\n", "a: 1\n", 2, "", 4),
        (b"---\na: 1\n---", "a: 1\n", 2, "", 4),
        (b"---\n---\n", "", 2, "", 3),
        (b"\xef\xbb\xbf---\r\na: 1\r\n---\r\nA\r\nB", "a: 1\n", 2, "A\nB", 4),
        (b"\n  \n---\na: 1\n---\n", "a: 1\n", 4, "", 6),
        (b"---\na: |\n  ---\n  x\n---\nText", "a: |\n  ---\n  x\n", 2, "Text", 6),
        (b"---\na: 1\n----\nb: 2\n---\n", "a: 1\n----\nb: 2\n", 2, "", 6),
        (b"---\na: 1\n---\n\nA\n\n---\n\nB", "a: 1\n", 2, "\nA\n\n---\n\nB", 4),
    ],
)
def test_a_file_is_parted_at_its_fences(
    data: bytes, matter: str, line: int, body: str, body_line: int
) -> None:
    parts = split(data)
    assert parts is not None
    assert (parts.matter, parts.matter_line, parts.body, parts.body_line) == (matter, line, body, body_line)


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"# Title\n---\n", b"----\n", b"--- a: 1\n---\n", b"{% x %}", b"{{< x >}}"]
)
def test_a_file_without_front_matter_is_no_mistake(data: bytes) -> None:
    assert split(data) is None


def test_front_matter_may_be_as_long_as_the_limit_and_no_longer() -> None:
    filler = b"#" * (MAX_MATTER - 1) + b"\n"
    assert split(b"---\n" + filler + b"---\nText") is not None
    with pytest.raises(FrontMatterError, match="within 64 KiB") as refused:
        split(b"---\n#" + filler + b"---\nText")
    assert refused.value.line == 1


def test_the_line_of_a_byte_that_is_no_text_is_named() -> None:
    with pytest.raises(FrontMatterError, match="0xFF at offset 20") as refused:
        split(b"---\r\na: 1\r\n---\r\nab\r\n\xff")
    assert refused.value.line == 5


@given(st.lists(LINE, max_size=5), st.lists(LINE, max_size=5), END)
def test_both_parts_come_back_whatever_ends_a_line(above: list[str], below: list[str], end: str) -> None:
    above = [f"a{line}" for line in above]  # so that none of them is a fence
    parts = split(end.join(["---", *above, "---", *below]).encode())
    assert parts is not None
    assert parts.matter == "".join(f"{line}\n" for line in above)
    assert parts.body == "\n".join(below)
    assert parts.body_line == len(above) + 3


@given(st.binary(max_size=200) | st.binary(max_size=200).map(b"---\n".__add__))
def test_any_bytes_are_parted_passed_over_or_refused(data: bytes) -> None:
    with contextlib.suppress(FrontMatterError):
        parts = split(data)
        assert parts is None or b"---" in data
