"""By what means a disk is full or read-only here: file systems of our own, or limits and permissions.

File systems are mounted where nobody else sees them: a cell that needs them is run by a process in a mount
namespace of its own, which most machines let anybody have, and some containers nobody. Where it cannot be
had, processes may write no larger files, and folders may not be written, which binds root, too, once it has
parted with the right to pass over permissions.
"""

from __future__ import annotations

import os
import subprocess
from functools import cache

NAME = "FEEDBOT_MATRIX_MEANS"  # mounts | limits: what a process that runs a cell was started with
MOUNTS = os.environ.get(NAME) == "mounts"

_MOUNTING = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--map-root-user", "--mount")
_PLAIN = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


@cache
def means() -> tuple[str, tuple[str, ...]]:
    """What is to be had here, unless FEEDBOT_MATRIX_MEANS says it, and the command that gives it."""
    wanted = os.environ.get(NAME)
    if wanted == "mounts" or (wanted is None and can_mount()):
        return "mounts", _MOUNTING
    return "limits", _PLAIN


def can_mount() -> bool:
    """Whether a process can have file systems of its own."""
    trial = [*_MOUNTING, "sh", "-c", "mount -t tmpfs -o size=64k matrix /mnt && mount --bind /mnt /mnt"]
    try:
        return subprocess.run(trial, check=False, capture_output=True).returncode == 0
    except OSError:
        return False
