"""What went wrong with a request, in our own words: those of libraries hold the address, which is a secret.

Knows whether anything can have arrived, which decides whether it may be sent again. Makes no request.
"""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPException, RemoteDisconnected

import requests
from urllib3.exceptions import HTTPError

from feedbot.attempt import Answer, Busy, Outcome, Unclear
from feedbot.targets.http_watch import Cut, Watch

# What the libraries raise where a request or its answer comes to nothing.
FAILURES = (requests.RequestException, HTTPError, HTTPException, OSError, UnicodeError)
STOPPED = "not sent, because feedbot stops"

# Why no connection came about: the first line that fits.
_NOT_SENT: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (ssl.SSLError, "no secure connection: the server does not speak TLS as we do"),
    ((socket.gaierror, UnicodeError), "no such host: check the address"),
    (ConnectionRefusedError, "connection refused: nothing listens there"),
    (ConnectionError, "the connection broke while it was made"),
    (OSError, "the host cannot be reached"),
)

# ... and why none was tried.
_UNUSABLE: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (
        (requests.exceptions.InvalidSchema, requests.exceptions.InvalidProxyURL),
        "the proxy in the environment cannot be used: it must be an address of http or https",
    ),
    (
        (requests.RequestException, HTTPError, UnicodeError),
        "the address or a header cannot be used: check them in the configuration",
    ),
    (OSError, "the file of certificates that REQUESTS_CA_BUNDLE names cannot be read"),
)

_CERTIFICATE = {  # X509_V_ERR_... of OpenSSL
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is self-signed",
    19: "a self-signed certificate is in its chain",
    20: "nobody that is trusted has issued it; REQUESTS_CA_BUNDLE can name more issuers",
    62: "it is for another host",
    64: "it is for another host",
}


class NotSent(Exception):  # noqa: N818 (it says what happened)
    """Nothing can have arrived: no connection came about. What it says is for people and holds no address."""


class NoAnswer(Exception):  # noqa: N818 (it says what happened)
    """The request may have arrived, but no whole answer came. Told without an address, too.

    `answer` is what came of one: its status and headers, without the body; None if not even these.
    """

    def __init__(self, reason: str, answer: Answer | None = None) -> None:
        super().__init__(reason)
        self.answer = answer


def failed(error: NotSent | NoAnswer) -> Outcome:
    """What a request without an answer means: the target takes nothing now, or nobody knows."""
    if isinstance(error, NotSent):
        return Busy(reason=str(error))
    return Unclear(reason=str(error), answer=error.answer)


def failure(watch: Watch, error: Exception, seconds: float) -> NotSent | NoAnswer:
    """What an error means, of a request that was given so many seconds and got no answer."""
    if watch.sent:
        return NoAnswer(unclear(watch, error, seconds))
    if watch.cut is Cut.STOPPED:
        return NotSent(STOPPED)
    if watch.cut is Cut.LATE or isinstance(watch.trouble, TimeoutError):
        why = f"no connection within {seconds:g} s"
    elif watch.trouble is None:
        why = next((words for kind, words in _UNUSABLE if isinstance(error, kind)), "it cannot be made")
    else:
        why = _not_sent(watch.trouble)
    return NotSent(f"the proxy: {why}" if watch.at_proxy else why)


def _not_sent(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = _CERTIFICATE.get(error.verify_code, "it does not verify")
        return f"the certificate is not valid: {why}"
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return "the host's name cannot be looked up now"
    if (refused := str(error)).startswith("Tunnel connection failed"):
        status = next((word for word in refused.split() if word.isdecimal()), "without a status")
        return f"the proxy refuses the connection: {status}"
    return next((words for kind, words in _NOT_SENT if isinstance(error, kind)), "no connection came about")


def unclear(watch: Watch, error: Exception, seconds: float, *, begun: bool = False) -> str:
    """Why no whole answer came to a request that went out."""
    error = watch.trouble or error
    missing = "no whole answer" if begun else "no answer"
    if watch.cut is Cut.STOPPED:
        return f"{missing}: not waited for any longer, because feedbot stops"
    if watch.cut is Cut.LATE or isinstance(error, TimeoutError):
        return f"{missing} within {seconds:g} s"
    if begun:
        return "no whole answer: it broke off or cannot be read"
    if isinstance(error, RemoteDisconnected):
        return "no answer: the server closed the connection"
    if isinstance(error, HTTPException):
        return "no answer: what came is not HTTP"
    return "no answer: the connection broke"
