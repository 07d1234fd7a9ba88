"""The process of a command: `feedbot`, or `python -m feedbot`.

Loads the command line only when it is run: the processes that read and render for another one import this
module, too, and need nothing of that.
"""

from __future__ import annotations

import atexit
import gc
import sys


def main() -> None:
    """Run the command that was asked for, and end the process with its exit code."""
    gc.set_threshold(200_000)  # imports make many objects and no garbage: a tenth of a short command's time
    atexit.register(gc.freeze)  # else the end looks for garbage in all that it ends anyway: a fifth of it
    try:
        from feedbot import cli  # noqa: PLC0415 - see above
    except KeyboardInterrupt:  # who would tell is not loaded yet
        sys.stderr.write("feedbot: stopped\n")
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
