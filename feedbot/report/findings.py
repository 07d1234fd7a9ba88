"""Problems of the content and of the configuration, each on a line that editors can jump from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feedbot.model import Finding, JsonObject, Level
from feedbot.observe import Redact, printable

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
    """What a check found, then how much of it; what is merely worth knowing only with `verbose`.

    `path` is the configuration's: what is wrong with a target is mended there.
    """
    tried = [one.as_finding(str(path), redact) for one in checked.tried]
    print_findings(one for one in (*checked.findings, *tried) if verbose or one.level is not Level.INFO)
    if not quiet:
        click.echo(checked.summary(with_infos=verbose))


def print_finding(finding: Finding, indent: str = "") -> None:
    """One of them."""
    click.echo(printable(f"{indent}{finding.place}: {finding.level}: {finding.what}"))
    if finding.hint:
        click.echo(printable(f"{indent}    {finding.hint}"))
