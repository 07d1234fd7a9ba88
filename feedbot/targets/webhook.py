"""Webhooks: JSON messages, signed after the Standard Webhooks specification 1.0.0, or as CloudEvents 1.0.

How a message is put on the wire and what comes of it; what it says is made in `webhook_message`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from feedbot.attempt import Check, Delivery, Outcome, Preview
from feedbot.config.addresses import is_local
from feedbot.model import Site
from feedbot.targets import Sender
from feedbot.targets.http import Client, NoAnswer, NotSent, failed, json_body, judge
from feedbot.targets.webhook_message import Message, enveloped, message_of, moment

if TYPE_CHECKING:
    from feedbot.config.targets import Webhook

TEST = "feedbot.test"
PREFIX = "feedbot."  # of a CloudEvents type: whose word it is, where events of many producers meet


class WebhookSender(Sender):
    """Posts messages to one address."""

    knows_doubles = True  # by webhook-id

    def __init__(self, options: Webhook, site: Site) -> None:
        self.name = options.name
        self.budget = options.timeout.total_seconds() + 1
        self._url = options.url.get_secret_value()
        self._site = site
        self._keys = [signing_key(secret.get_secret_value()) for secret in options.secret]
        self._dress = {"standard": _standard, "cloudevents": _cloudevents}[options.format]
        self._client = Client(
            timeout=options.timeout.total_seconds(),
            headers={name: value.get_secret_value() for name, value in options.headers.items()},
        )

    def send(self, delivery: Delivery, now: datetime) -> Outcome:
        """Post the message of `delivery`, signed for `now`."""
        return self._post(message_of(delivery, self._site), now)

    def preview(self, delivery: Delivery) -> Preview:
        """The message of `delivery`; its signature depends on when it is sent."""
        message = message_of(delivery, self._site)
        body, headers = self._dress(message)
        shown = [f"{name}: {value}" for name, value in headers.items() if name.startswith("ce-")]
        return Preview(
            text=json.dumps(json.loads(body), ensure_ascii=False, indent=2),
            notes=(*message.notes, *shown, self._signed()),
        )

    def check(self) -> list[Check]:
        """Whether others could read or forge the messages. Asks nobody: any request would be a message."""
        return [_check_address(self._url), Check(what="signature", is_fine=True, said=self._signed())]

    def test(self, now: datetime) -> Outcome:
        """Post a message of the type `feedbot.test`."""
        site = self._site
        data = {"message": "This is a test of feedbot", "site": site.title, "url": site.url}
        message_id = f"msg_{secrets.token_hex(16)}"
        return self._post(Message(id=message_id, type=TEST, at=now, source=site.url, data=data), now)

    def abort(self) -> None:
        """End the request that is under way."""
        self._client.abort()

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def _post(self, message: Message, now: datetime) -> Outcome:
        body, headers = self._dress(message)
        headers |= signed_headers(message.id, now, body, self._keys)
        try:
            answer = self._client.request("POST", self._url, body=body, headers=headers)
        except NotSent as error:
            return failed(error)
        except NoAnswer as error:
            # A status is all that counts: what follows it may come or not.
            return judge(error.answer) if error.answer is not None else failed(error)
        return judge(answer)

    def _signed(self) -> str:
        if not self._keys:
            return "not signed: receivers cannot tell whether a message is ours"
        return f"signed with {len(self._keys)} key{'s' * (len(self._keys) > 1)}"


def _check_address(url: str) -> Check:
    if url.lower().startswith("https:"):
        return Check(what="address", is_fine=True, said="encrypted on the way (https)")
    if is_local(urlsplit(url).hostname or ""):
        return Check(what="address", is_fine=True, said="not encrypted (http), and stays on this machine")
    return Check(what="address", is_fine=False, said="not encrypted (http): use an https address")


# --- signatures (Standard Webhooks 1.0.0, "Signature scheme") ---


def signing_key(secret: str) -> bytes:
    """The key in a secret of the form `whsec_` and base64."""
    return base64.b64decode(secret.removeprefix("whsec_"))


def signed_headers(message_id: str, now: datetime, body: bytes, keys: Iterable[bytes]) -> dict[str, str]:
    """The headers by which a receiver knows a double, a replay and a forgery; one signature for each key."""
    seconds = str(int(now.timestamp()))
    content = b".".join((message_id.encode(), seconds.encode(), body))
    headers = {"webhook-id": message_id, "webhook-timestamp": seconds}
    signatures = [
        f"v1,{base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()}" for key in keys
    ]
    return {**headers, "webhook-signature": " ".join(signatures)} if signatures else headers


# --- how a message is put on the wire ---


def _standard(message: Message) -> tuple[bytes, dict[str, str]]:
    return json_body(enveloped(message)), {"Content-Type": "application/json"}


def _cloudevents(message: Message) -> tuple[bytes, dict[str, str]]:
    """CloudEvents 1.0.2, HTTP binding, binary mode: attributes in headers, the data as the body."""
    attributes = {
        "specversion": "1.0",
        "id": message.id,
        "source": message.source,
        "type": PREFIX + message.type.removeprefix(PREFIX),
        "subject": message.subject,
        "time": moment(message.at),
    }
    headers = {f"ce-{name}": ce_value(value) for name, value in attributes.items() if value}
    return json_body(message.data), {"Content-Type": "application/json", **headers}


def ce_value(text: str) -> str:
    """An attribute as a header (3.1.3.2): space, `"`, `%` and all beyond printable ASCII percent-encoded."""
    return quote(text, safe="!#$&'()*+,/:;<=>?@[\\]^`{|}", errors="replace")
