"""The hub (WebSub, W3C Recommendation of 23 January 2018): it is told that a feed has something new.

Section 6 leaves it to hub and publisher how that is said. What hubs take since PubSubHubbub is a form with
`hub.mode=publish` and the topic, under the name `hub.url` or, with some, `hub.topic`: here it has both. There
is one request for each topic, because many hubs read only the first or the last of several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import ip_address
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from feedbot.attempt import Answer, Check, Outcome, Preview, Refused, Retry, Sent
from feedbot.targets.http import Client, NoAnswer, NotSent, failed, judge

if TYPE_CHECKING:
    from feedbot.config import Hub

REQUESTS = 3  # whose full time one ping may take: a feed has three documents under its current address
_NO = {404, 405, 409}  # that targets with addresses of their own for each customer may only say for a while


class WebSubPinger:
    """Posts to one hub."""

    knows_doubles = True  # it looks at the documents, and tells its subscribers what is new to them

    def __init__(self, hub: Hub, topics: Sequence[str]) -> None:
        """`topics` are the URLs that a test speaks of."""
        self.name = hub.name
        self._timeout = hub.timeout.total_seconds()
        self.budget = REQUESTS * self._timeout + 1
        self._url = hub.url
        self._topics = topics
        self._client = Client(timeout=self._timeout)

    def ping(self, topics: Sequence[str]) -> Outcome:
        """Tell the hub of each topic, and go on where it refuses one, but not where it is in trouble."""
        end = monotonic() + self.budget - 1
        outcomes: list[Outcome] = []
        for topic in topics:
            left = end - monotonic()
            if left <= 0:
                told = f"{len(outcomes)} of {_documents(topics)}"
                return Retry(reason=f"too slow: it could be told of {told} in time")
            outcome = self._post(topic, min(left, self._timeout))
            if not isinstance(outcome, Sent | Refused):
                return outcome
            outcomes.append(outcome)
        return summary(topics, outcomes)

    def preview(self, topics: Sequence[str]) -> Preview:
        """The bodies of the requests, one in each line."""
        bodies = [urlencode(form(topic)) for topic in topics]
        note = f"posted to {self._url}, each line as a request of its own"
        return Preview(text="\n".join(bodies), notes=(note,) if bodies else ())

    def check(self) -> list[Check]:
        """Whether the hub can reach the feeds, as far as addresses tell. Asks nobody."""
        return [_check_reach(topic, self._url) for topic in self._topics[:1]]

    def test(self, now: datetime) -> Outcome:  # noqa: ARG002 - all attempts are alike
        """Tell the hub of the feed of all articles: if nothing is new there, its subscribers hear nothing."""
        return self.ping(self._topics)

    def abort(self) -> None:
        """End the request that is under way."""
        self._client.abort()

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def _post(self, topic: str, timeout: float) -> Outcome:
        try:
            return meaning(self._client.request("POST", self._url, data=form(topic), timeout=timeout))
        except NotSent as error:
            return failed(error)
        except NoAnswer as error:
            # A status is all that counts: what follows it may come or not.
            return failed(error) if error.answer is None else meaning(error.answer)


def form(topic: str) -> Mapping[str, str]:
    """What is posted for a topic."""
    return {"hub.mode": "publish", "hub.url": topic, "hub.topic": topic}


def meaning(answer: Answer) -> Outcome:
    """What the hub's answer to one request means."""
    outcome = judge(answer)
    is_no = isinstance(outcome, Retry) and answer.status in _NO
    return Refused(reason=outcome.reason, answer=answer) if is_no else outcome


def summary(topics: Sequence[str], outcomes: Sequence[Outcome]) -> Outcome:
    """What came of a ping by what came of each of its topics, all of which were accepted or refused."""
    refused = [(topic, one) for topic, one in zip(topics, outcomes, strict=True) if isinstance(one, Refused)]
    if refused:
        topic, first = refused[0]
        reason = f"refused for {len(refused)} of {_documents(topics)}, as for {topic}: {first.reason}"
        return Refused(reason=reason, answer=first.answer)
    last = outcomes[-1]
    reason = f"told of {_documents(topics)}; {last.reason}"
    waits = [one.after for one in outcomes if one.after]
    return Sent(reason=reason, answer=last.answer, after=max(waits, default=None))


def _documents(topics: Sequence[str]) -> str:
    return f"{len(topics)} document{'s' * (len(topics) != 1)}"


def _check_reach(topic: str, hub: str) -> Check:
    if _is_private(topic) and not _is_private(hub):
        host = urlsplit(topic).hostname
        said = f"the hub cannot fetch the feeds from {host}: set site.feeds_url to an address it can reach"
        return Check(what="feeds", is_fine=False, said=said)
    return Check(what="feeds", is_fine=True, said=f"the hub is to fetch {topic} and its like")


def _is_private(url: str) -> bool:
    """Whether an address is one of this machine or its network, as far as it shows."""
    host = urlsplit(url).hostname or ""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
