"""Problems of the content and of the configuration, each on a line that editors can jump from."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from feedbot.model import Finding, JsonObject, Level
from feedbot.moments import number_of
from feedbot.observe import Redact
from feedbot.report.lines import coloured, legible, tell
from feedbot.report.queue import condition, print_way_out

if TYPE_CHECKING:
    from feedbot.check import Checked
    from feedbot.config import Problem


NO_ARTICLES = (
    "No articles yet: put them where content.path in config.yaml says, as files .md or .html that"
    " content.include and content.exclude let in."
)


def as_findings(problems: Iterable[Problem]) -> list[JsonObject]:
    """The mistakes of a configuration in the form that findings have in `check --json`."""
    return [
        {
            "path": problem.file,
            "line": problem.line,
            "column": problem.column,
            "level": Level.ERROR.value,
            "what": f"{problem.path}: {problem.what}" if problem.path else problem.what,
            "hint": problem.hint,
        }
        for problem in problems
    ]


def print_findings(findings: Iterable[Finding]) -> None:
    """Each finding on a line that editors can jump from, with its hint below."""
    for finding in findings:
        print_finding(finding)


def print_checked(
    checked: Checked,
    path: Path,
    lines: Mapping[str, int],
    now: datetime,
    redact: Redact,
    *,
    verbose: bool,
    quiet: bool,
) -> None:
    """What a check found, then how much of it; what is merely worth knowing of files only with `verbose`.

    `path` is the configuration's, `lines` those of its targets: what is wrong with one is mended there.
    """
    tried = [one.as_finding(str(path), lines, redact) for one in checked.tried]
    print_findings(one for one in checked.findings if verbose or one.level is not Level.INFO)
    # What was tried was asked for, so that it is told even where it is fine.
    print_findings(one for one in tried if not quiet or one.level is not Level.INFO)
    for one in checked.silent:
        told = condition(one.as_json(), now, redact)
        tell(f"target {legible(one.name)}: {told}", hang=2, state=one.word)
        print_way_out(one.name, one.word)
    if not quiet:
        tell(_summary(checked, with_infos=verbose))
        if not checked.files:
            tell(NO_ARTICLES)
        _print_untried(checked.untried)


def _summary(checked: Checked, *, with_infos: bool) -> str:
    """How many files and targets were looked at, and how many findings there are of each level."""
    counts = Counter(finding.level for finding in checked.findings)
    told = ", ".join(_counted(counts[level], level) for level in (Level.ERROR, Level.WARNING))
    lines = [f"Checked {number_of(checked.files, 'file')}: {told}."]
    if counts[Level.INFO] and not with_infos:
        lines.append(f"({counts[Level.INFO]:,} more worth knowing: `feedbot check -v`)")
    if names := {*(tried.target for tried in checked.tried), *checked.disabled}:
        wrong = sum(not tried.check.is_fine for tried in checked.tried) + len(checked.disabled)
        lines.append(f"Looked at {number_of(len(names), 'target')}: {_counted(wrong, 'problem')}.")
    return " ".join(lines)


def _counted(count: int, noun: str) -> str:
    """`2 errors`, in the colour of what they mean."""
    state = "fine" if not count else noun if noun in set(Level) else "error"
    return coloured(number_of(count, noun), state)


def _print_untried(names: Sequence[str]) -> None:
    """Which targets only a message can try, and how."""
    if names:
        is_one = len(names) == 1
        command = f"feedbot targets test {shlex.quote(names[0]) if is_one else 'NAME'}"
        told = f"{number_of(len(names), 'target')} cannot be tried unseen ({', '.join(names)}):"
        tell(legible(f"{told} `{command}` sends {'it' if is_one else 'one'} a test message."))


def print_finding(finding: Finding, margin: int = 0) -> None:
    """One of them."""
    level = coloured(finding.level.value)
    tell(f"{level}: {legible(finding.what)}", lead=f"{legible(finding.place)}: ", margin=margin, hang=4)
    if finding.hint:
        tell(legible(finding.hint), margin=margin + 4)
