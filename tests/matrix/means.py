"""By what means a disk is full or read-only here: file systems of our own, or limits and permissions.

File systems are mounted where nobody else sees them: a cell that needs them is run by a process in a mount
namespace of its own, which most machines let anybody have, and some containers nobody. Where it cannot be
had, processes may write no larger files, and folders may not be written, which binds root, too, once it has
parted with the right to pass over permissions.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from functools import cache

NAME = "FEEDBOT_MATRIX_MEANS"  # mounts | limits: what a process that runs a cell was started with
MOUNTS = os.environ.get(NAME) == "mounts"

_MOUNTING = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--map-root-user", "--mount")
_VERSION = 0x20080522  # of the structures of capabilities(7)
_OVERRIDING = 0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH


@cache
def means() -> tuple[str, tuple[str, ...]]:
    """What is to be had here, unless FEEDBOT_MATRIX_MEANS says it, and the command that gives it."""
    wanted = os.environ.get(NAME)
    if wanted == "mounts" or (wanted is None and can_mount()):
        return "mounts", _MOUNTING
    return "limits", ()


def can_mount() -> bool:
    """Whether a process can have file systems of its own."""
    trial = [*_MOUNTING, "sh", "-c", "mount -t tmpfs -o size=64k matrix /mnt && mount --bind /mnt /mnt"]
    try:
        return subprocess.run(trial, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def obey_permissions() -> None:
    """Let the permissions of files bind this process, whoever it is. To be called before it has threads."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION, 0)
    data = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable; twice, of 32 bits each
    if libc.capget(header, data) == 0:
        for place in range(3):
            data[place] &= ~_OVERRIDING
        if libc.capset(header, data) == 0:
            return
    raise OSError(ctypes.get_errno(), "cannot part with rights")
