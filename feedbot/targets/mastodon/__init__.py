"""Posting to an account on Mastodon, or a server that speaks its language: once, whatever the network does.

sender    which steps belong to which event
publish   a new post, and none twice         revise   a changed one, or none any more
setup     what these steps share             checks   trying an account online
account   what is read from the server       media    the picture, from its site to the server
api       the endpoints                      answers  what their answers mean
post      from a delivery to a post          readback whether a post is ours
instance  what a server takes                receipt  what is noted between attempts
"""

from feedbot.targets.mastodon.sender import MastodonSender

__all__ = ["MastodonSender"]
