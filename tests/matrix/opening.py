"""Setting the scene: a newsroom with its store, its targets, the place of its documents, and the lines."""

from __future__ import annotations

import base64
import itertools
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from faults import proxy_to
from fediverse import fediverse, lost, masked
from mortality import beget
from newsroom import Newsroom
from object_stores import Bucket, make_bucket, port_of, rclone
from receiver import receiving
from visitor import visited

from feedbot.places.bucket.objects import PATIENCE
from feedbot.server.sources import ANSWER, BucketSource
from matrix.fault import Needs
from matrix.means import MOUNTS
from matrix.reader import BucketShelf, FolderShelf, Reader, ServedShelf, Shelf
from matrix.scene import Desk, Scene, Time
from matrix.story import Story

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
SIZE = "8m"  # of small file systems
SILENCE = timedelta(seconds=1)  # that a store which says nothing is waited for
_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Services:
    """What many newsrooms share, one after the other."""

    postgres_url: str = ""  # of an empty database
    server: Any = None  # PostgreSQL, to be turned off
    moto_url: str = ""


@contextmanager
def opened(folder: Path, needs: Needs, services: Services) -> Iterator[Scene]:
    """A newsroom before its first pass."""
    beget()
    with ExitStack() as stack:
        time, desk = Time(), Desk()
        hook = stack.enter_context(receiving(strict=True))
        hook.otherwise = desk.take
        mastodon = stack.enter_context(fediverse(clock=time.now))
        mastodon.fail("create", None, lost(), None, masked(502, ""), None, lost())
        room = Newsroom(folder / "room")
        for name in needs.mounts:
            stack.enter_context(small(room.folder / name))
        story = Story(room)
        shelf, read, wires, place = _place(stack, room, needs, services)
        sqlite = f"sqlite:///{room.folder / 'state' / 'feedbot.db'}"
        store_url = services.postgres_url if needs.database == "postgresql" else sqlite
        scene = Scene(
            newsroom=room,
            store_url=store_url,
            time=time,
            desk=desk,
            mastodon=mastodon,
            to_hook=stack.enter_context(proxy_to(port_of(hook.url))),
            to_mastodon=stack.enter_context(proxy_to(port_of(mastodon.url))),
            wires=wires,
            shelf=shelf,
            story=story,
            reader=Reader(read, story.withdrawn),
            environ={"STORE_URL": store_url, **place},
            has_lines=needs.has_lines,
            is_bound=needs.is_bound,
            store=SILENCE if needs.is_silent else PATIENCE,
            is_atomic=needs.place != "rclone",  # which removes an object before it puts the new one
            server=services.server,
        )
        room.configure(**settings(scene))
        stack.callback(scene.close)
        yield scene


def settings(scene: Scene) -> dict[str, Any]:
    """What stands in config.yaml."""
    hook = {
        "name": "hook",
        "type": "webhook",
        "url": f"{scene.to_hook.url}/hook",
        "secret": SECRET,
        "events": ["published", "updated", "withdrawn"],
        "timeout": "2s",
    }
    mastodon = {
        "name": "mastodon",
        "type": "mastodon",
        "base_url": f"{scene.to_mastodon.url}/",
        "token": scene.mastodon.token,
        "timeout": "2s",
        "image": False,
        "on_update": "edit",
        "on_withdraw": "delete",
    }
    place = scene.environ.get("FEEDS_PATH")
    return {
        "store": {"url": "${STORE_URL}"},
        **({"feeds": {"path": place}} if place else {}),
        "announce": {"burst": 1000, "settle": "0s"},
        "schedule": {"scan": "1h"},
        "targets": [hook, mastodon],
    }


def _place(
    stack: ExitStack, room: Newsroom, needs: Needs, services: Services
) -> tuple[Shelf, Shelf, list[Any], dict[str, str]]:
    """Where the documents are: for us, for the reader, the lines to there, and the variables of processes."""
    if needs.place == "folder":
        folder = FolderShelf(room.feeds)
        return folder, folder, [], {}
    if needs.place == "moto":
        bucket = make_bucket(services.moto_url, f"matrix-{next(_numbers)}")
    else:
        (room.folder / "buckets" / "matrix").mkdir(parents=True)
        bucket = Bucket("matrix", stack.enter_context(rclone(room.folder / "buckets")))
    wires = [stack.enter_context(proxy_to(port_of(bucket.url))) for _ in range(2)]
    shelf = BucketShelf(bucket.objects())
    source = BucketSource(bucket.objects(wires[1].url, patience=ANSWER, tries=1))
    served = ServedShelf(shelf, stack.enter_context(visited(room.folder, source=source)))
    return shelf, served, wires, {**bucket.environ(wires[0].url), "FEEDS_PATH": bucket.path}


@contextmanager
def small(folder: Path) -> Iterator[None]:
    """Let `folder` be a small file system of its own, where that can be."""
    folder.mkdir(parents=True, exist_ok=True)
    if not MOUNTS:
        yield
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "matrix", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
