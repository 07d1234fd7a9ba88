"""What one pass did: for the log, and for a person in a few lines that end with the next step."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from feedbot.model import JsonObject
from feedbot.moments import number_of
from feedbot.report.lines import coloured, legible, print_commands, tell, tell_whole
from feedbot.report.queue import IF_HELD

if TYPE_CHECKING:
    from feedbot.passes.build import PassReport

log = logging.getLogger(__name__)


def print_pass(report: PassReport, state: JsonObject, *, verbose: bool, quiet: bool) -> None:
    """What `feedbot build` did, in a few lines that end with the next step; `quiet` leaves the warnings.

    `state` as `status.load_counts` has it.
    """
    if not quiet:
        _print_done(report, state, verbose=verbose)
    if report.lost_state:
        tell(
            "The output folder holds feeds, but the state was gone: every article counts as known, and none"
            " is announced. If there is a backup of the database, put it back.",
            state="warning",
        )
    if report.sync.in_motion:
        paths = ", ".join(map(legible, sorted(report.sync.in_motion)))
        tell(f"Still being written, to be read at the next pass: {paths}")
    for path in report.refresh.foreign:
        told = f"Not written: {legible(path)} is taken by a file that is not feedbot's. Move it away."
        tell(told, state="error")
    _print_announced(report, quiet=quiet)
    counts = state["findings"]["counts"]
    problems = counts["error"] + counts["warning"] - len(report.refresh.foreign)
    if problems > 0:
        tell(f"{number_of(problems, 'problem')} to mend: `feedbot status` lists them.", state="warning")
    elif report.sync.baseline and not quiet:
        tell("Next: `feedbot serve` shows the feeds in a browser, `feedbot run` keeps them fresh.")


def _print_done(report: PassReport, state: JsonObject, *, verbose: bool) -> None:
    sync = report.sync
    files, counts = state["files"], state["articles"]
    bad = {name: files[name] for name in ("broken", "duplicate") if files[name] or name == "broken"}
    told_bad = [f"{number:,} {coloured(name, 'error') if number else name}" for name, number in bad.items()]
    tell(
        f"Looked at {number_of(sync.files, 'file')}, read {sync.read:,}:"
        f" {number_of(counts['live'], 'article')} live, {counts['waiting']:,} waiting for their date,"
        f" {sum(files['excluded'].values()):,} kept out, {', '.join(told_bad)}."
    )
    done = [f"{getattr(sync, word):,} {word}" for word in ("new", "changed", "withdrawn", "renamed")
            if getattr(sync, word) and not sync.baseline]  # fmt: skip
    if done:
        tell(f"Since the last pass: {', '.join(done)}.")
    for kind, id_ in sync.events if verbose else []:
        tell_whole(legible(id_), lead=f"{kind.value:<9}  ", margin=2, hang=2)
    tell(
        f"{number_of(state['feeds']['active'], 'feed')}: wrote {number_of(report.written, 'document')},"
        f" removed {report.removed:,}, in {report.seconds:.2f} s."
    )
    if sync.baseline and not report.lost_state:
        tell("This was the first look at the content: none of these articles will be announced.")


def _print_announced(report: PassReport, *, quiet: bool) -> None:
    announced = report.announce
    if not quiet:
        for name in announced.new_targets:
            tell(f"The target {legible(name)} is new: it gets what comes from now on.")
        if announced.deliveries:
            told = number_of(announced.deliveries, "announcement")
            tell(f"{told} recorded: `feedbot run` sends what is due.")
    if announced.held:
        tell(f"{announced.told_held('at once')}:", state="held")
        print_commands(*IF_HELD)
    if announced.waiting:
        told = number_of(announced.waiting, "event")
        tell(f"{told} not announced yet: their feeds could not be written.", state="warning")


def log_pass(report: PassReport, *, full: bool, first: bool) -> None:
    """Log what a pass did; a look that found nothing is worth a line only if it is the first."""
    told = report.as_json()
    told["announced"] = {key: value for key, value in told["announced"].items() if value}
    facts = {key: value for key, value in told.items() if value and key not in ("events", "files")}
    idle = not (report.sync.read or report.written or report.removed or report.sync.withdrawn)
    level = logging.DEBUG if idle and not first else logging.INFO
    log.log(level, "looked at everything" if full else "looked at what changed", extra={"facts": facts})
    if report.lost_state:
        log.warning(
            "the output folder holds feeds, but the state is gone: every article counts as known and none is"
            " announced. If a backup of the database exists, stop feedbot and put it back"
        )
    if report.announce.held:
        log.warning(
            "%s. Look at them with `%s`, then send them with `%s` or forget them with `%s`",
            report.announce.told_held("at once" if full else "within a minute"),
            *(command for command, _ in IF_HELD),
        )
    for word, found in (("broken", report.sync.problems), ("left out", report.sync.duplicates)):
        for finding in found:
            facts = {"place": finding.place, "hint": finding.hint}
            log.warning("%s: %s", word, finding.what, extra={"facts": facts})
    for kind, id_ in report.sync.events:
        log.info("%s", kind.value, extra={"facts": {"id": id_}})
