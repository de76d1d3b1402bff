"""What is committed: no download addresses, no machine's own paths, no dead links; every verb and setting is told of."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from gonogo.cli import VERBS
from gonogo.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[1]


def committed() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("this copy is no git checkout, so nothing says what is committed")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_the_locks_pin_everything_with_hashes_and_carry_no_address() -> None:
    for lock in (ROOT / "requirements").glob("*.lock"):
        text = lock.read_text()
        assert "://" not in text, lock
        assert "--index-url" not in text
        pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert pins
        for line in pins:
            assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==", line), f"{lock.name}: {line} is not pinned"
        assert text.count("--hash=sha256:") >= len(pins)


def test_no_committed_file_names_an_absolute_path_of_somebodys_machine() -> None:
    pattern = re.compile(rb"(?<![\w/.])/(?:root|home/[a-z]+|work|Users)/[\w.-]+")
    found = [f"{path.relative_to(ROOT)}: {match.group(0).decode()}" for path in committed() if (match := pattern.search(path.read_bytes()))]
    assert found == []


@pytest.mark.parametrize("page", sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]))
def test_every_link_of_a_document_leads_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", (ROOT / page).read_text(encoding="utf-8"))
    dead = [link for link in links if "://" not in link and not (folder / link).exists()]
    assert dead == []


def test_every_verb_has_a_module_a_help_with_an_example_and_a_json_form() -> None:
    from click import Group
    from click.testing import CliRunner

    from gonogo.cli import main

    for verb in VERBS:
        command = main.get_command(None, verb)  # type: ignore[arg-type]
        assert command is not None
        leaves = list(command.commands.values()) if isinstance(command, Group) else [command]
        for leaf in leaves:
            assert leaf.help, f"{verb} has no help"
            assert (leaf.epilog or "").startswith("Example: gonogo "), f"{verb} {leaf.name} has no example"
            assert any(parameter.name == "as_json" for parameter in leaf.params), f"{verb} {leaf.name} has no --json"
        assert CliRunner().invoke(main, [verb, "--help"]).exit_code == 0


def test_every_setting_is_in_the_document_of_settings() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for setting in SETTINGS:
        default = f"{setting.default:g}" if isinstance(setting.default, float) else str(setting.default)
        assert f"| `{setting.env}` | {default} | {setting.unit} | {setting.help} |" in text


@pytest.mark.xdist_group("story")
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process runs all tests")
def test_tests_of_one_group_run_in_one_process(request: pytest.FixtureRequest) -> None:
    """Versions of pytest and xdist that do not fit each other drop the groups without a word (pytest-xdist#1386)."""
    assert request.node.nodeid.endswith("@story")
