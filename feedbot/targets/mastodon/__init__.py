"""Posting to an account on Mastodon, or a server that speaks its language: once, whatever the network does.

sender    which steps belong to which event
publish   a new post, and none twice         revise   a changed one, or none any more
setup     what these steps share             checks   trying an account online
account   what is read from the server       media    the picture, from its site to the server
api       the endpoints                      answers  what their answers mean
post      from a delivery to a post          readback whether a post is ours
instance  what a server takes                receipt  what is noted between attempts
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from feedbot.targets.mastodon.sender import MastodonSender

if TYPE_CHECKING:
    from feedbot.config.targets import Mastodon
    from feedbot.model import Site

__all__ = ["MastodonSender", "sender"]


def sender(options: Mastodon, site: Site) -> MastodonSender:
    """The sender of one configured account."""
    return MastodonSender(options, site)
