"""`feedbot targets`: how each target stands, trying one, and letting one be sent to again."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feedbot.commands.options import (
    common,
    json_option,
    load_config,
    redacted,
    redaction,
    standings_in,
    state,
)
from feedbot.terminal import print_json

if TYPE_CHECKING:
    from feedbot.config import Config
    from feedbot.settlement import Health


@click.group(short_help="How each target stands; try one, resume one.")
def targets() -> None:
    """How each target of the configuration stands; try one, and let one be sent to again.

    Targets are told of each new article, once. In config.yaml each has a name, one of the types webhook,
    slack, discord, teams, mattermost and mastodon, and the options that `feedbot schema` lists for its type:

    \b
      targets:
        - name: newsdesk
          type: slack
          url: ${NEWSDESK_URL}    # kept in the environment

    \b
    Example:
      feedbot targets test newsdesk
    """


@targets.command("list", short_help="List the targets with their queues.")
@common
@json_option
def list_(config_path: Path, verbose: int, quiet: int, as_json: bool) -> None:
    """List the targets: whether each is sent anything, why not, and what waits for it.

    \b
    Example:
      feedbot targets list --json
    """
    from feedbot.clock import utc_now
    from feedbot.operator.standings import configured, standings
    from feedbot.report.targets import print_targets

    config = load_config(config_path, verbose, quiet)
    with state(config) as connection:
        found = standings(connection, configured(config))
    if as_json:
        print_json(redacted({"targets": [one.as_json() for one in found]}))
    else:
        print_targets(found, utc_now(), redaction())


@targets.command(short_help="Try a target, and send it a test message.")
@common
@json_option
@click.argument("name")
@click.option("--no-message", is_flag=True, help="Check only what can be checked unseen.")
def test(config_path: Path, verbose: int, quiet: int, as_json: bool, name: str, no_message: bool) -> None:
    """Try a target: check what can be checked unseen, then send a message that says it is a test.

    Chat channels and webhooks get a message; to an account on Mastodon nothing is posted. If the message
    arrives, a target that is paused or disabled is sent to again. Exits with 1 if anything is wrong.

    \b
    Example:
      feedbot targets test newsdesk
    """
    from feedbot.clock import utc_now
    from feedbot.operator.trial import try_target
    from feedbot.report.targets import print_trial

    config = load_config(config_path, verbose, quiet)
    trial = try_target(config, name, utc_now(), with_message=not no_message)
    before = _resumed(config, name) if trial.has_arrived else None
    if as_json:
        print_json(redacted(trial.as_json(is_resumed=before is not None)))
    elif not (quiet and trial.is_fine):
        standing = next((one for one in standings_in(config) if one.name == name), None)
        print_trial(trial, redaction(), standing, before)
    sys.exit(0 if trial.is_fine else 1)


@targets.command(short_help="Send to a target again.")
@common
@json_option
@click.argument("name")
def resume(config_path: Path, verbose: int, quiet: int, as_json: bool, name: str) -> None:
    """Send to a target again that is paused or disabled.

    \b
    Example:
      feedbot targets resume newsdesk
    """
    from feedbot.operator.standings import resume as resume_target
    from feedbot.operator.standings import standing_of
    from feedbot.report.targets import print_resumed

    config = load_config(config_path, verbose, quiet)
    config.target(name)
    with state(config, write=True) as connection:
        before = resume_target(connection, name)
        standing = standing_of(connection, config, name)
    if as_json:
        print_json({"target": name, "resumed": before is not None})
    elif not quiet:
        print_resumed(standing, before)


def _resumed(config: Config, name: str) -> Health | None:
    """How the target stood, if it was not sent to and is now; where there is no state yet, nothing was."""
    from feedbot.errors import StoreError
    from feedbot.operator.standings import resume as resume_target

    with suppress(StoreError), state(config, write=True) as connection:
        return resume_target(connection, name)
    return None
