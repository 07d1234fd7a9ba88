"""How commands speak: failures as messages, tables as JSON, progress, and the end of a process.

Knows no command. Nothing heavy is imported here, for `feedbot --help` loads this module.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from feedbot.errors import FeedbotError, first_line

if TYPE_CHECKING:
    from feedbot.model import JsonObject, Progress

CLICKS_WORD = "Error: "  # before a mistake on the command line
INTERRUPTED = 130  # the exit code of a program that Ctrl-C ended, as shells have it
BAR = 36  # columns of a progress bar, where there is room for so many
BESIDE_BAR = 28  # columns of the words and numbers beside it
ROOMY = 76  # columns that hold all of this and the time that is left


@dataclass
class Manner:
    """How the command that runs may speak."""

    verbose: bool = False
    redact: Callable[[str], str] = str


class Group(click.Group):
    """Tells every failure in one message with the next step; the way here is shown with -v only."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what stands before the command: options of commands do not belong there."""
        command = next((word for word in args if word in self.commands), "")
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            option = error.option_name
            if not command or not any(option in known.opts for known in self.commands[command].params):
                raise
            right = f"{ctx.command_path} {command} {option}"
            raise click.UsageError(f"{option} belongs behind the command: {right}", ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        manner = ctx.ensure_object(Manner)
        try:
            return super().invoke(ctx)
        except FeedbotError as error:
            complaint, code = _complaint(error), error.exit_code
        except (KeyboardInterrupt, click.Abort):
            complaint, code = "feedbot: stopped", INTERRUPTED
        except click.exceptions.NoArgsIsHelpError:
            raise  # no mistake to be told: it shows the help
        except click.UsageError as error:
            said = fitted(f"{CLICKS_WORD}{error.format_message()}").removeprefix(CLICKS_WORD)
            raise click.UsageError(said, error.ctx) from None
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise  # click's own
        except Exception as error:  # noqa: BLE001 - whatever it is, a person gets a message
            complaint, code = f"feedbot: {_explained(error, with_trace=manner.verbose)}", 1
        click.echo(fitted(manner.redact(complaint)), err=True)
        return ctx.exit(code)


def mention(aside: str) -> None:
    """Tell on stderr what the command does without: nobody may read it, and its disk may be full."""
    with suppress(OSError):
        click.echo(aside, err=True)


def fitted(complaint: str) -> str:
    """`complaint` as stderr can show it: on a terminal in lines that fit."""
    from feedbot.report.fit import wrap  # noqa: PLC0415 - not before something goes wrong
    from feedbot.report.lines import legible  # noqa: PLC0415 - the same

    width = shutil.get_terminal_size().columns if sys.stderr.isatty() else None
    told = [legible(line) for line in complaint.split("\n")]
    if width is None:
        return "\n".join(told)
    room = max(width - 4, 20)
    return "\n".join("\n    ".join(wrap(line, room, first=4)) for line in told)


def _complaint(error: FeedbotError) -> str:
    problems = getattr(error, "problems", ())
    if not problems:
        return f"feedbot: {error}"
    # A line for each problem, which editors can jump from.
    count = "a mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
    return f"{error}\nfeedbot: {count} in the configuration, so nothing was done"


def _explained(error: Exception, *, with_trace: bool) -> str:
    """An error that nobody expected, in one line; drivers' errors without the statement and its values."""
    if with_trace:
        return "".join(traceback.format_exception(error)).rstrip()
    cause = getattr(error, "orig", None) or error
    what = first_line(cause)
    if cause is not error:
        from feedbot.store.trouble import MEND, is_damaged  # noqa: PLC0415 - loaded by whoever failed

        usual = (
            "If it stays so, put the backup of the database back, or let store.url name a new one: then"
            " what is there counts as known, and is not announced again"
        )
        way_out = MEND if is_damaged(error) else usual
        return f"the database failed: {what}. {way_out}"
    return f"cannot go on: {what} ({type(cause).__name__}). With -v it says where this happened"


def speak_utf8() -> None:
    """Start over in Python's UTF-8 mode where file names would be read in another encoding.

    Paths become ids and addresses: the same folder must have the same names in every locale.
    """
    if sys.getfilesystemencoding() != "utf-8":
        arguments = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
        os.execv(sys.executable, arguments)  # noqa: S606 - this very program, once more


def prepare_streams() -> None:
    """Let nothing about stdin, stdout or stderr end a command.

    A file's name may hold a character that stdout cannot show; and where a stream was closed, the next file
    to be opened would take its place, and be written into by libraries that know only the number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - until the process ends
            setattr(sys, name, nowhere)  # under the lowest number that is free, which is its own
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def wants_colour(environment: Mapping[str, str]) -> bool | None:
    """Whether the environment asks for colours, or for none; None: they are for terminals.

    NO_COLOR is the last word (no-color.org), then FORCE_COLOR (force-color.org), then what the command ls of
    BSD made usual (bixense.com/clicolors); a dumb terminal has none.
    """
    if environment.get("NO_COLOR"):
        return False
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        if environment.get(name, "0") not in {"", "0", "false"}:
            return True
    is_plain = environment.get("CLICOLOR") == "0" or environment.get("TERM") == "dumb"
    return False if is_plain or environment.get("FORCE_COLOR") in {"0", "false"} else None


def print_json(value: JsonObject) -> None:
    """Print `value` so that a person can read it, too; nothing in it can steer a terminal."""
    from feedbot.observe import harmless  # noqa: PLC0415 - for those who ask for JSON

    is_unicode = sys.stdout.encoding.lower() == "utf-8"
    click.echo(harmless(json.dumps(value, indent=2, ensure_ascii=not is_unicode)))


@contextmanager
def show_progress(
    label: str = "Reading", did: str = "read", things: str = "files", *, shown: bool
) -> Iterator[Progress]:
    """A bar on a terminal, a plain line every few thousand elsewhere; nothing if there is no work."""
    with ExitStack() as stack:
        bars: list[Any] = []  # none before there is something to show

        def draw(done: int, total: int) -> None:
            if not bars and done == total:
                return  # it was soon done
            if not bars:
                bars.append(stack.enter_context(_bar(total, label)))
            bars[0].update(done - bars[0].pos)

        def tell(done: int, total: int) -> None:
            if total >= 5000 and (done % 2500 == 0 or done == total):
                mention(f"{did} {done:,} of {total:,} {things}")

        if not shown:
            yield lambda _done, _total: None
        else:
            has_bar = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
            yield draw if has_bar else tell


def _bar(total: int, label: str) -> Any:
    columns = shutil.get_terminal_size().columns
    return click.progressbar(
        length=total,
        label=label,
        file=sys.stderr,
        show_pos=True,
        show_eta=columns >= ROOMY,
        width=max(1, min(BAR, columns - BESIDE_BAR)),
    )


def leave(code: int) -> NoReturn:
    """End the process at once: native threads of the HTTP server abort it if the interpreter ends first."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # nobody reads it
            stream.flush()
    os._exit(code)
