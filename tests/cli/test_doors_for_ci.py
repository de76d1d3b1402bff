"""The doors for other tools, as those tools use them: pytest, pre-commit, a composite action. Each decides nothing of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from junitparser import JUnitXml

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "how-to-use-in-ci.md").read_text(encoding="utf-8")


def leave_out(project: Path) -> None:
    """The failing item is optional; say that it does not apply."""
    with (project / "gonogo.yaml").open("a") as file:
        file.write("items: {many-classes: {applies: false, reason: two are enough}}\n")


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "GIT_"))}
    variables = {**kept, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONWARNINGS": "ignore", **environment}
    return subprocess.run(words, cwd=folder, env=variables, capture_output=True, text=True, timeout=170, check=False)


def in_pytest(project: Path, *words: str, **environment: str) -> tuple[int, dict[str, str], str]:
    done = run(project, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--junitxml=out.xml", *words, **environment)
    found = {
        case.name: case.result[0]._tag if case.result else "pass" for suite in JUnitXml.fromfile(str(project / "out.xml")) for case in suite
    }
    return done.returncode, found, done.stdout


def test_every_item_is_a_test_and_the_verdict_is_the_last(project: Path) -> None:
    code, found, said = in_pytest(project, "--gonogo", "gonogo.yaml")
    assert found == {"labels": "pass", "many-classes": "failure", "verdict": "failure"}
    assert code == 1
    assert "required    classes >= 40" in said
    assert "repair      Find more." in said
    leave_out(project)
    code, found, said = in_pytest(project, "--gonogo")
    assert found == {"labels": "pass", "many-classes": "skipped", "verdict": "pass"}
    assert code == 0


def test_without_the_option_and_inside_a_gate_nothing_is_collected(project: Path) -> None:
    assert in_pytest(project)[:2] == (5, {})
    assert in_pytest(project, "--gonogo", GONOGO_COMMAND="a gate runs us")[:2] == (5, {})


def test_judging_only_measures_nothing(project: Path) -> None:
    _, found, said = in_pytest(project, "--gonogo", "gonogo.yaml", "--gonogo-judge-only")
    assert set(found.values()) == {"failure"}
    assert "nothing was measured" in said
    assert not (project / ".gonogo" / "evidence").exists()


def test_a_broken_project_file_is_an_error_of_collection_that_names_the_line(project: Path) -> None:
    with (project / "gonogo.yaml").open("a") as file:
        file.write("pakc: x\n")
    done = run(project, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--gonogo", "gonogo.yaml")
    assert done.returncode == 2
    assert "pakc" in done.stdout
    assert "Traceback" not in done.stdout


def test_the_pre_commit_hook_refuses_a_push_while_the_gate_says_no(project: Path, tmp_path: Path) -> None:
    home = {"PRE_COMMIT_HOME": str(tmp_path / "home")}
    manifest = ROOT / ".pre-commit-hooks.yaml"
    assert run(project, sys.executable, "-m", "pre_commit", "validate-manifest", str(manifest), **home).returncode == 0
    (hook,) = yaml.safe_load(manifest.read_text())
    # The hook as it is, but run with the gonogo that is installed here instead of one that pre-commit installs from the network.
    local = {"repos": [{"repo": "local", "hooks": [{**hook, "language": "system"}]}]}
    (project / ".pre-commit-config.yaml").write_text(yaml.safe_dump(local))
    for words in (("init", "-q"), ("add", "-A")):
        assert run(project, "git", *words).returncode == 0
    push = (sys.executable, "-m", "pre_commit", "run", "--hook-stage", "pre-push", "--all-files")
    refused = run(project, *push, **home)
    assert refused.returncode == 1
    assert "NO-GO" in refused.stdout
    leave_out(project)
    assert run(project, sys.executable, "-m", "gonogo", "check").returncode == 0
    passed = run(project, *push, **home)
    assert passed.returncode == 0, passed.stdout


def action() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "action.yml").read_text())


def in_action(step: Mapping[str, Any], project: Path, given: Mapping[str, str], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a step of the action as its runner does: the inputs filled in, its script in bash with -e."""
    inputs = {name: str(spec["default"]) for name, spec in action()["inputs"].items()} | given
    filled = {key: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: inputs[match[1]], text) for key, text in step["env"].items()}
    assert "${{" not in step["run"], "an input inside a script could run as a command"
    assert step["shell"] == "bash"
    runner = {name: str(project / name.lower()) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    words = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"])
    return run(project, *words, GITHUB_ACTION_PATH=str(ROOT), **runner, **filled, **environment)


def test_the_action_installs_gonogo_whole_and_reports_what_it_said(project: Path, tmp_path: Path) -> None:
    install, check = action()["runs"]["steps"]
    given = {"python": sys.executable, "reports": "out put"}
    target = tmp_path / "installed"
    offline = {"PIP_TARGET": str(target), "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "false"}
    installed = in_action(install, project, given, **offline)
    assert installed.returncode == 0, installed.stderr
    for part in ("reports/templates/report.html", "checklist/packs/starter/gate.yaml", "py.typed"):
        assert (target / "gonogo" / part).is_file()

    refused = in_action(check, project, given, PYTHONPATH=str(target))
    assert refused.returncode == 1, refused.stderr
    assert (project / "github_output").read_text() == "verdict=NO-GO\n"
    assert "# ✗ small: NO-GO" in (project / "github_step_summary").read_text()
    assert {path.name for path in (project / "out put").iterdir()} == {"report.html", "report.md", "junit.xml", "report.sarif"}
    (result,) = json.loads((project / "out put" / "report.sarif").read_text())["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "gonogo.yaml"

    for shadow in ("gonogo.py", "click.py"):  # what is judged has no say in who judges
        (project / shadow).write_text("raise SystemExit(0)\n")
    assert in_action(check, project, given, PYTHONPATH=str(target)).returncode == 1
    assert (project / "github_output").read_text() == "verdict=NO-GO\n" * 2
    leave_out(project)
    assert in_action(check, project, given, PYTHONPATH=str(target)).returncode == 0
    (project / "gonogo.yaml").write_text("system: [\n")
    assert in_action(check, project, given, PYTHONPATH=str(target)).returncode == 2
    assert (project / "github_output").read_text() == "verdict=NO-GO\nverdict=NO-GO\nverdict=GO\nverdict=ERROR\n"


def test_the_guide_names_real_inputs_hooks_and_options() -> None:
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]
    job, hooks = blocks
    (step,) = [step for step in job["jobs"]["gate"]["steps"] if "gonogo@" in step.get("uses", "")]
    assert set(step["with"]) <= set(action()["inputs"])
    assert [hook["id"] for hook in hooks["repos"][0]["hooks"]] == [
        hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    ]
    for name in action()["inputs"]:
        assert f"`{name}`" in GUIDE
