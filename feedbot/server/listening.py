"""The address that the server listens on: finding it, showing it, and saying what is wrong with it."""

from __future__ import annotations

import errno
import os
import re
import socket

from feedbot.errors import ServeError

# Where people find a server that listens on every address of the machine.
SHOWN = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only shown


def url_of(host: str, port: int) -> str:
    """Where people find the server."""
    shown = SHOWN.get(host, host)
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"


def find_address(host: str, port: int) -> str:
    """The IP address of `host`. Raises ServeError unless it and `port` can be listened on now."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        raise ServeError(cannot_listen(host, port, error)) from error
    return str(address[0])


def cannot_listen(host: str, port: int, error: OSError | UnicodeError) -> str:
    """What is wrong with an address, and what to do."""
    hints = {
        errno.EADDRINUSE: "another program uses the port: end it, or choose another with --port",
        errno.EACCES: "ports below 1024 are for the administrator: choose another with --port",
    }
    what = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    number = error.errno if isinstance(error, OSError) else None
    hint = hints.get(number or 0, "choose an address of this machine with --host, such as 127.0.0.1")
    return f"cannot listen on {host}:{port} ({what}); {hint}"


def system_error(error: RuntimeError) -> OSError | None:
    """What the system said, where granian passes it on in words of its own; None: it did not."""
    found = _SYSTEM_ERROR.search(str(error))
    number = int(found[1]) if found else 0
    return OSError(number, os.strerror(number)) if found else None


_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")  # as Rust writes it
