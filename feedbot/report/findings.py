"""Problems of the content and of the configuration, each on a line that editors can jump from."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from feedbot.model import Finding, JsonObject, Level
from feedbot.moments import number_of
from feedbot.observe import Redact, printable
from feedbot.report.queue import condition
from feedbot.report.table import tell

if TYPE_CHECKING:
    from feedbot.check import Checked
    from feedbot.config import Problem


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


def print_checked(checked: Checked, path: Path, redact: Redact, *, verbose: bool, quiet: bool) -> None:
    """What a check found, then how much of it; what is merely worth knowing of files only with `verbose`.

    `path` is the configuration's: what is wrong with a target is mended there.
    """
    tried = [one.as_finding(str(path), redact) for one in checked.tried]
    print_findings(one for one in checked.findings if verbose or one.level is not Level.INFO)
    # What was tried was asked for, so that it is told even where it is fine.
    print_findings(one for one in tried if not quiet or one.level is not Level.INFO)
    for standing in checked.silent:
        tell(
            f"target {printable(standing.name)}: {condition(standing.as_json(), redact)}", hang=2, fg="yellow"
        )
    if not quiet:
        tell(checked.summary(with_infos=verbose))
        _print_untried(checked.untried)


def _print_untried(names: Sequence[str]) -> None:
    """Which targets only a message can try, and how."""
    if names:
        is_one = len(names) == 1
        command = f"feedbot targets test {shlex.quote(names[0]) if is_one else 'NAME'}"
        told = f"{number_of(len(names), 'target')} cannot be tried unseen ({', '.join(names)}):"
        tell(printable(f"{told} `{command}` sends {'it' if is_one else 'one'} a test message."))


def print_finding(finding: Finding, indent: str = "") -> None:
    """One of them."""
    margin = len(indent)
    tell(printable(f"{finding.place}: {finding.level}: {finding.what}"), margin=margin, hang=4)
    if finding.hint:
        tell(printable(finding.hint), margin=margin + 4)
