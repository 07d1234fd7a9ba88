"""`feedbot deliveries`: what was announced to whom, what waits, and a person's word about it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from feedbot.commands.options import common, json_option, load_config, redacted, redaction, state
from feedbot.terminal import print_json

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from feedbot.config import Config
    from feedbot.store.inquiry import Selection

Command = TypeVar("Command", bound=Callable[..., Any])

STATES = ("pending", "held", "sending", "sent", "unclear", "retry", "dead", "skipped", "superseded")
EVENTS = ("published", "updated", "withdrawn", "changed")  # the last one of feeds, for the hub
MOMENT_HELP = "a date, a date and time, or a duration such as 2h, which is that long ago"


def _filters(command: Command) -> Command:
    """The options that say which deliveries are meant."""
    for option in (
        click.option("--until", metavar="MOMENT", help="Of events before then."),
        click.option("--since", metavar="MOMENT", help=f"Of events since then: {MOMENT_HELP}."),
        click.option("--article", metavar="ARTICLE", help="Of one article: its path, its id or its link."),
        click.option(
            "--event", "events", type=click.Choice(EVENTS), multiple=True, help="Of this kind of event."
        ),
        click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="In this state."),
        click.option("--target", "targets", metavar="NAME", multiple=True, help="To this target."),
    ):
        command = option(command)
    return command


def _changing(command: Command) -> Command:
    """The arguments and options of commands that change deliveries."""
    for option in (
        json_option,
        click.option("--dry-run", is_flag=True, help="List them, and change nothing."),
        click.option(
            "--all",
            "everything",
            is_flag=True,
            help="All of them: needed only where neither an ID nor a filter is given.",
        ),
    ):
        command = option(command)
    return common(click.argument("ids", nargs=-1, metavar="[ID]...")(_filters(command)))


@click.group(short_help="What was announced to whom, and what waits.")
def deliveries() -> None:
    """What was announced to whom, what waits, and what is to become of it.

    An ID can be shortened as long as it is the only one that begins so.

    \b
    Example:
      feedbot deliveries list --state dead
    """


@deliveries.command("list", short_help="List deliveries, the newest first.")
@common
@json_option
@_filters
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
def list_(config_path: Path, verbose: int, quiet: int, as_json: bool, limit: int, **filters: Any) -> None:
    """List deliveries, the newest first; -v says why each stands as it does.

    \b
    Example:
      feedbot deliveries list --target newsdesk --since 2h
    """
    from feedbot.clock import utc_now
    from feedbot.operator.ledger import list_deliveries
    from feedbot.operator.standings import configured
    from feedbot.report.deliveries import none_listed, print_list

    config = load_config(config_path, verbose, quiet)
    now = utc_now()
    with state(config) as connection:
        listed = list_deliveries(connection, _selection(connection, config, now, **filters), limit)
    if as_json:
        print_json(redacted(listed.as_json()))
    else:
        if_none = none_listed(is_filtered=any(filters.values()), has_targets=bool(configured(config)))
        print_list(listed, now, redaction(), verbose=verbose > 0, if_none=if_none)


@deliveries.command(short_help="Show a delivery with all its attempts.")
@common
@json_option
@click.argument("id_", metavar="ID")
def show(config_path: Path, verbose: int, quiet: int, as_json: bool, id_: str) -> None:
    """Show a delivery with all its attempts, why it stands as it does, and what can be done.

    -v shows all that servers said, and what feedbot notes for itself.

    \b
    Example:
      feedbot deliveries show 3f9a2c1b
    """
    from feedbot.clock import utc_now
    from feedbot.operator.ledger import account_of, whole_start
    from feedbot.report.deliveries import print_account

    config, now = load_config(config_path, verbose, quiet), utc_now()
    with state(config) as connection:
        account = account_of(connection, config, whole_start(id_), now)
    if as_json:
        print_json(redacted(account.as_json()))
    else:
        print_account(account, now, redaction(), verbose=verbose > 0)


@deliveries.command(short_help="Send again what failed, or was sent.")
@_changing
def retry(**options: Any) -> None:
    """Send deliveries again, now and with all their attempts: by their IDs, or all that match.

    Where no state is named, these are the ones that failed: dead, unclear and retry. With --since or --until
    those that were sent are sent again, too: a replay, under the same ids, by which receivers know a double.
    What was skipped or superseded needs its ID or --state.

    \b
    Example:
      feedbot deliveries retry --target newsdesk
      feedbot deliveries retry --target partners --since 2026-11-20T06:00
    """
    _say("retry", **options)


@deliveries.command(short_help="Forget what waits to be sent.")
@_changing
def drop(**options: Any) -> None:
    """Forget deliveries that wait: they count as skipped. By their IDs, or all that match.

    \b
    Example:
      feedbot deliveries drop --state held
    """
    _say("drop", **options)


@deliveries.command(short_help="Send what is held.")
@_changing
def release(**options: Any) -> None:
    """Send deliveries that are held because too many articles came at once. By their IDs, or all that match.

    \b
    Example:
      feedbot deliveries release --all
    """
    _say("release", **options)


def _say(
    word: str,
    *,
    config_path: Path,
    verbose: int,
    quiet: int,
    as_json: bool,
    dry_run: bool,
    everything: bool,
    ids: tuple[str, ...],
    **filters: Any,
) -> None:
    """Apply a person's word, and tell what it came to."""
    if not (ids or everything or any(filters.values())):
        raise click.UsageError(f"which deliveries? Give IDs or filters, or --all to {word} all that can be")
    from feedbot.clock import utc_now
    from feedbot.operator.standings import configured, standings
    from feedbot.operator.steering import Word, say
    from feedbot.report.deliveries import print_said
    from feedbot.store.clock import StoreClock

    config = load_config(config_path, verbose, quiet)
    now, senders_clock = utc_now(), StoreClock()
    with state(config, write=not dry_run) as connection:
        selection = _selection(connection, config, now, ids=ids, **filters)
        senders_clock.set_by(connection)
        said = say(connection, Word(word), selection, senders_clock(), dry_run=dry_run)
        silent = [one for one in standings(connection, configured(config)) if said.concerns(one)]
    if as_json:
        print_json(redacted(said.as_json(silent)))
    else:
        print_said(said, silent, now, redaction(), verbose=verbose > 0, quiet=quiet > 0)
    sys.exit(1 if ids and said.left else 0)


def _selection(
    connection: Connection,
    config: Config,
    now: datetime,
    *,
    targets: tuple[str, ...],
    states: tuple[str, ...],
    events: tuple[str, ...],
    article: str | None,
    since: str | None,
    until: str | None,
    ids: tuple[str, ...] = (),
) -> Selection:
    """Which deliveries the options of a command mean."""
    from feedbot.attempt import FeedEvent, State
    from feedbot.model import EventKind
    from feedbot.operator.ledger import whole_start
    from feedbot.operator.naming import keys_of, unknown
    from feedbot.operator.standings import require_known
    from feedbot.store.inquiry import Selection

    require_known(connection, config, targets)
    keys = keys_of(connection, config, article) if article else ()
    if article and not keys:
        raise unknown(article)
    start, end = _moment("--since", since, now, config), _moment("--until", until, now, config)
    if start and end and start >= end:
        raise click.UsageError("the range is empty: --since has to be before --until")
    return Selection(
        ids=tuple(map(whole_start, ids)),
        targets=targets,
        states=tuple(map(State, states)),
        events=tuple(EventKind(one) if one in set(EventKind) else FeedEvent(one) for one in events),
        article_keys=keys,
        since=start,
        until=end,
    )


def _moment(option: str, text: str | None, now: datetime, config: Config) -> datetime | None:
    from feedbot.moments import moment_of

    if text is None:
        return None
    moment = moment_of(text, now, config.content.timezone)
    if moment is None:
        raise click.BadParameter(f"{text!r} is no moment: give {MOMENT_HELP}", param_hint=option)
    return moment
