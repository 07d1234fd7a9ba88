"""docs/security.md holds what it says: each line names tests, and there are such tests."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
SAMPLES = ROOT / "docs" / "samples"
TESTS = {
    name
    for path in (ROOT / "tests").glob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
}
# Tables of defences; that of audits has dates.
ROWS = re.findall(r"^\| (?!what |date |-|\d)(.+?) \| (.+) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("defence", "holders"), ROWS, ids=[defence[:60] for defence, _ in ROWS])
def test_every_defence_is_held_by_tests_that_there_are(defence: str, holders: str) -> None:
    named = re.findall(r"`(\w+)`", holders)
    assert named
    assert set(named) - TESTS == set()


def test_no_test_is_named_that_is_not_there() -> None:
    assert set(re.findall(r"`(test_\w+)`", PAGE)) - TESTS == set()


def test_the_page_looks_at_everything_that_comes_from_outside() -> None:
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    expected = ["Pictures", "Articles", "Templates", "Secrets", "Answers from targets", "Files", "The server"]
    assert [heading for heading in headings if heading in expected] == expected
    assert len(ROWS) > 40


# --- the samples ---


def test_the_service_has_no_more_rights_than_it_needs() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[method-assign,assignment] # as the documentation of configparser has it
    unit.read_string((SAMPLES / "feedbot.service").read_text(encoding="utf-8"))
    service = unit["Service"]
    assert service["User"] not in {"", "root"}
    assert service["CapabilityBoundingSet"] == ""
    assert service["ProtectSystem"] == "strict"
    yes = {name for name, value in service.items() if value == "yes"}
    assert yes >= {
        "NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "ProtectKernelTunables",
        "ProtectKernelModules", "ProtectControlGroups", "RestrictNamespaces", "RestrictSUIDSGID",
        "LockPersonality", "MemoryDenyWriteExecute",
    }  # fmt: skip
    assert set(service["RestrictAddressFamilies"].split()) == {"AF_INET", "AF_INET6", "AF_UNIX"}


def test_the_container_takes_what_the_lock_has_and_runs_as_nobody() -> None:
    text = (SAMPLES / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    installs = re.findall(r"pip (wheel|install) ([^\n&]*)", text)
    assert installs
    for _, arguments in installs:  # what comes from outside is compared, what is ours brings nothing along
        assert any(word in arguments for word in ("--require-hashes", "--no-deps", "--no-index")), arguments
    last = text.rpartition("\nFROM ")[2]
    user = re.search(r"^USER (\d+):(\d+)$", last, re.MULTILINE)
    assert user
    assert "0" not in user.groups()


def test_the_compose_file_gives_no_rights() -> None:
    told = yaml.safe_load((SAMPLES / "compose.yaml").read_text(encoding="utf-8"))["services"]["feedbot"]
    assert told["read_only"] is True
    assert told["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in told["security_opt"]
    assert "privileged" not in told
    assert all(port.startswith("127.0.0.1:") for port in told["ports"])
