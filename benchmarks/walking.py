"""The least that anybody needs to find out that nothing has changed: list a folder and stat each file.

    python benchmarks/walking.py FOLDER

A process of its own, which prints the wall and processor seconds of one walk through the tree, its own start
left out. What feedbot's pass without changes is measured beside.
"""

from __future__ import annotations

import os
import sys
import time


def walk(folder: str) -> int:
    """Stat every file below a folder; returns how many there are."""
    count = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                count += walk(entry.path)
            else:
                entry.stat()
                count += 1
    return count


if __name__ == "__main__":
    began, used = time.perf_counter(), time.process_time()
    walk(sys.argv[1])
    print(time.perf_counter() - began, time.process_time() - used)
