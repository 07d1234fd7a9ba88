"""The least that anybody needs to post many messages: requests, and a session for each thread.

What feedbot is measured beside. It notes nothing, tries nothing again, and does not look at the answers.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection

import requests

TIMEOUT = 20  # seconds


@dataclass(frozen=True)
class Post:
    """One message, ready to be sent."""

    url: str
    headers: Mapping[str, str]
    body: bytes


def live(posts: Sequence[Post], threads: int, line: Connection) -> None:
    """Post everything when told to, and stay until told to end: a process of its own."""
    line.send("ready")
    line.recv()
    if threads == 1:
        post_one_by_one(posts)
    else:
        post_in_threads(posts, threads)
    line.recv()


def post_one_by_one(posts: Sequence[Post]) -> None:
    with requests.Session() as session:
        for post in posts:
            session.post(post.url, data=post.body, headers=post.headers, timeout=TIMEOUT)


def post_in_threads(posts: Sequence[Post], threads: int) -> None:
    own = threading.local()

    def begin() -> None:
        own.session = requests.Session()

    def send(post: Post) -> None:
        own.session.post(post.url, data=post.body, headers=post.headers, timeout=TIMEOUT)

    with ThreadPoolExecutor(threads, initializer=begin) as pool:
        for _ in pool.map(send, posts):
            pass
