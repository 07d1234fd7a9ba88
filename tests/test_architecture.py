"""The house has floors: imports go strictly down, and heavy or special libraries have one room each.

Read from the syntax trees, so that an import inside a function or under TYPE_CHECKING counts as well.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from newsroom import Newsroom

PACKAGE = Path(__file__).parent.parent / "feedbot"

# From the roof to the ground. A module imports only from lines below its own: names on one line do not know
# each other. A package is named once, and its modules may import each other.
FLOORS = (
    {"__main__"},
    {"cli"},
    {"commands"},
    {"terminal"},
    {"worker", "server"},
    {"report"},
    {"preview"},
    {"check", "scaffold"},
    {"operator"},
    {"passes", "sending"},
    {"audience", "relevance", "moments"},
    {"content", "render", "store", "targets"},
    {"places"},
    {"config", "settings"},
    {
        "settlement",
        "yamltree",
        "observe",
        "redirects",
        "slug",
        "permalink",
        "template",
        "crew",
        "kinds",
    },
    {
        "articletext",
        "atomic",
        "retry",
        "attempt",
        "batches",
        "clock",
        "helpers",
        "process",
        "threads",
    },
    {"model"},
    {"errors"},
    {"__init__"},
)

# Libraries that only the modules beginning with these paths may import.
ROOMS = {
    "alembic": ("store/",),
    "apscheduler": ("worker/scheduler.py", "report/health.py"),
    "brotli": ("server/",),
    "feedgen": ("render/xmlfeeds.py",),
    "granian": ("server/",),
    "jinja2": ("render/pages", "report/page", "template/"),
    "linkify_it": ("targets/length",),
    "obstore": ("places/bucket/objects.py",),
    "PIL": ("targets/pictures",),
    "prometheus_client": ("report/metrics.py",),
    "regex": ("targets/",),
    "requests": ("targets/http",),
    "sqlalchemy": ("store/",),
    "starlette": ("server/",),
    "urllib3": ("targets/http", "targets/pictures"),
}

# ... and those of them whose types the floors above may name, under `if TYPE_CHECKING:`.
NAMED_ABOVE = {"sqlalchemy"}

# What a person who only asks for help must not wait for.
HEAVY = {"alembic", "apscheduler", "brotli", "feedgen", "granian", "jinja2", "lxml", "obstore", "PIL"}
HEAVY |= {
    "prometheus_client",
    "pydantic",
    "regex",
    "requests",
    "sqlalchemy",
    "starlette",
    "watchfiles",
    "yaml",
}


@dataclass(frozen=True)
class Import:
    """One imported name, as `path:line` imports `module`."""

    path: str
    line: int
    module: str
    typing_only: bool

    def __str__(self) -> str:
        return f"feedbot/{self.path}:{self.line} imports {self.module}"


def imports_of(path: Path) -> Iterator[Import]:
    """Every import in a file, with relative ones made absolute."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test).endswith("TYPE_CHECKING")
        for statement in block.body
        for node in ast.walk(statement)
    }
    where = path.relative_to(PACKAGE).as_posix()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for module in modules_named_by(node, path):
                yield Import(where, node.lineno, module, id(node) in typing_only)


def modules_named_by(node: ast.Import | ast.ImportFrom, path: Path) -> list[str]:
    """The dotted names that one statement imports; `from . import x` names `x`, not its package."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        package = ("feedbot", *path.relative_to(PACKAGE).parent.parts)
        base = ".".join((*package[: len(package) - node.level + 1], *filter(None, [node.module])))
    return [f"{base}.{alias.name}" for alias in node.names]


def unit_of_path(path: str) -> str:
    """The name under which a file stands in FLOORS."""
    return path.partition("/")[0].removesuffix(".py")


def unit_of_module(module: str) -> str | None:
    """The name under which an imported module of ours stands in FLOORS; None for everybody else's."""
    parts = module.split(".")
    if parts[0] != "feedbot":
        return None
    is_module = len(parts) > 1 and ((PACKAGE / parts[1]).is_dir() or (PACKAGE / f"{parts[1]}.py").is_file())
    return parts[1] if is_module else "__init__"


def floor_of(unit: str) -> int:
    """How far a unit lies above the ground; one without a place lies on it."""
    return next((height for height, units in enumerate(reversed(FLOORS)) if unit in units), 0)


ALL_IMPORTS = [found for path in sorted(PACKAGE.rglob("*.py")) for found in imports_of(path)]


def test_every_module_has_its_floor() -> None:
    units = {unit_of_path(path.relative_to(PACKAGE).as_posix()) for path in PACKAGE.rglob("*.py")}
    homeless = units - set().union(*FLOORS)
    assert not homeless, "give these a place in FLOORS"


def test_imports_go_strictly_down() -> None:
    upward = []
    for found in ALL_IMPORTS:
        importer, imported = unit_of_path(found.path), unit_of_module(found.module)
        if imported not in {None, importer} and floor_of(imported) >= floor_of(importer):
            upward.append(str(found))
    assert not upward


def modules_on_the_page() -> set[str]:
    """The modules of feedbot in the tree of the page for contributors."""
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    tree = page.partition("```\nfeedbot/\n")[2].partition("\ntests/\n")[0]
    folders: list[str] = []
    modules = set()
    for indent, name in re.findall(r"^((?:  )+)(\S+)", tree, re.MULTILINE):
        del folders[len(indent) // 2 - 1 :]
        folders.append(name.rstrip("/"))
        if name.endswith(".py"):
            modules.add("/".join(folders))
    return modules


def test_the_page_for_contributors_names_every_module_and_no_other() -> None:
    there = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")}
    modules = {path for path in there if not re.search(r"__init__\.py$|^store/migrations/", path)}
    assert modules_on_the_page() == modules


def file_of(module: str) -> str | None:
    """The file of ours that an imported name lies in; None for everybody else's."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        path = PACKAGE.parent.joinpath(*parts[:length])
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if parts[0] == "feedbot" and file.is_file():
                return file.relative_to(PACKAGE).as_posix()
    return None


def test_no_two_modules_know_each_other_be_it_by_way_of_others() -> None:
    known: dict[str, set[str]] = {}
    for found in ALL_IMPORTS:
        if (file := file_of(found.module)) and file != found.path:
            known.setdefault(found.path, set()).add(file)
    assert len(list(TopologicalSorter(known).static_order())) > 200  # raises CycleError, which names them


@pytest.mark.parametrize("library", ROOMS)
def test_a_special_library_is_imported_in_its_room_only(library: str) -> None:
    strangers = [
        str(found)
        for found in ALL_IMPORTS
        if found.module.partition(".")[0] == library
        and not found.path.startswith(ROOMS[library])
        and not may_name(library, found)
    ]
    assert not strangers


def may_name(library: str, found: Import) -> bool:
    """Whether an import outside the library's room serves annotations alone, above that room."""
    above = floor_of(unit_of_path(found.path)) > floor_of(unit_of_path(ROOMS[library][0]))
    return library in NAMED_ABOVE and found.typing_only and above


def test_the_model_and_the_errors_need_next_to_nothing() -> None:
    foreign = [
        str(found)
        for found in ALL_IMPORTS
        if found.path in {"model.py", "errors.py"}
        and found.module.partition(".")[0] not in sys.stdlib_module_names | {"feedbot", "msgspec"}
    ]
    assert not foreign


def test_what_is_imported_is_asked_for_and_nothing_else() -> None:
    """What others bring along is of the version that they can do with."""
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked_for = {
        re.split(r"[^A-Za-z0-9._-]", line)[0]
        for line in [*project["dependencies"], *extras["postgres"], *extras["s3"]]
    }
    there_anyway = {"feedbot", "pydantic_core", *sys.stdlib_module_names}  # pydantic has one core
    imported = libraries({found.module for found in ALL_IMPORTS}) - there_anyway | {"tzdata"}  # for zoneinfo
    owners = packages_distributions()
    assert {owners.get(name, [name])[0].lower().replace("_", "-") for name in imported} == asked_for


def loaded_by(*arguments: str) -> set[str]:
    """The modules that the command with these arguments had loaded when it ended."""
    program = (
        "import atexit, json, sys\n"
        "atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))\n"
        f"sys.argv = {['feedbot', *arguments]}\n"
        "from feedbot.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr))


def libraries(modules: set[str]) -> set[str]:
    """The packages that these modules are of."""
    return {name.partition(".")[0] for name in modules}


def test_asking_for_help_loads_no_heavy_library() -> None:
    assert not libraries(loaded_by("--help")) & HEAVY


def test_asking_for_the_state_loads_what_reads_it_and_no_more(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.build()
    loaded = loaded_by("status", "--config", str(newsroom.folder / "config.yaml"))
    assert libraries(loaded) & HEAVY == {"pydantic", "sqlalchemy", "yaml"}
    assert "sqlalchemy.dialects.postgresql" not in loaded
    assert not {"feedbot.content", "feedbot.render", "feedbot.targets"} & loaded


@pytest.mark.parametrize(
    ("module", "work", "needed"),
    [
        ("feedbot.content.intake", "Intake", {"yaml"}),
        ("feedbot.passes.printing", "print_all", {"lxml"}),
        ("feedbot.places.folder", "Folder", set()),
    ],
)
def test_a_process_that_works_for_another_loads_what_its_work_needs_and_no_more(
    module: str, work: str, needed: set[str], tmp_path: Path
) -> None:
    (tmp_path / "probe.py").write_text("import sys\n\ndef loaded(_work):\n    return sorted(sys.modules)\n")
    (tmp_path / "feedbot.py").write_text(  # as pip writes it, but for what it does
        "import sys\n"
        f"sys.path[0] = {str(PACKAGE.parent)!r}\n"
        "from feedbot.__main__ import main\n"
        "if __name__ == '__main__':\n"
        "    import json\n"
        f"    sys.path.append({str(tmp_path)!r})\n"
        "    import probe\n"
        f"    from {module} import {work} as work\n"
        "    from feedbot.crew import Crew\n"
        "    with Crew(2) as crew:\n"
        "        (found,) = crew.map(probe.loaded, [work], pays=True)\n"
        "    print(json.dumps(found[1]))\n"
    )
    command = [sys.executable, str(tmp_path / "feedbot.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert libraries(loaded) & (HEAVY | {"click"}) == needed
    assert not {"feedbot.cli", "feedbot.config", "feedbot.store"} & loaded
