"""The checks on declared lists: issues, configuration, the environment's lock, what it can be rebuilt from, and advisories."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from gonogo.errors import DataError, GonogoError, UsageError
from gonogo.evidence.lock import read_lock
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement
from measured import values


@pytest.fixture
def declare(tmp_path: Path) -> Callable[[str, str], dict[str, Path]]:
    """`declare("issues.yaml", "[]")`: a file under the first part of its name."""

    def write(name: str, content: str) -> dict[str, Path]:
        (tmp_path / name).write_text(content)
        return {name.partition(".")[0]: tmp_path / name}

    return write


# -- issues -------------------------------------------------------------------------------------------------------------------------

ISSUES = """
- {id: BUG-1, severity: P1, status: open, title: wrong class for empty text, workaround: reject empty text}
- {id: BUG-12, severity: p2, status: In Progress}
- {id: BUG-2, severity: P0, status: closed}
"""


def test_open_issues_are_counted_by_severity_and_named(declare: Any) -> None:
    found = measure("issues", files=declare("issues.yaml", ISSUES))
    assert values(found) == {"issues": 3, "open": 2, "p0": 0, "p1": 1, "without_workaround": 1}
    assert found.findings == ("open P1: BUG-1 wrong class for empty text", "open P2: BUG-12", "no way round: BUG-12")


def test_an_empty_list_has_no_issues_and_json_is_read_too(declare: Any) -> None:
    assert values(measure("issues", files=declare("issues.json", '{"issues": []}')))["open"] == 0


def test_an_issue_is_reported_when_the_document_has_its_whole_id(declare: Any, tmp_path: Path) -> None:
    (tmp_path / "report.md").write_text("Known: BUG-12 and XBUG-1.")
    documents = {"report": tmp_path / "report.md"}
    found = measure("issues", {"document": "report"}, files=declare("issues.yaml", ISSUES), documents=documents)
    assert values(found)["unreported"] == 1
    assert "not in report: BUG-1" in found.findings
    with pytest.raises(UsageError, match="declares no file 'report'"):
        measure("issues", {"document": "report"}, files=declare("issues.yaml", ISSUES))


@pytest.mark.parametrize(
    ("content", "said"),
    {
        "unknown severity": (ISSUES.replace("P1", "minor"), "unknown severity"),
        "unknown status": (ISSUES.replace("closed", "whatever"), "unknown severity or status"),
        "no status": (ISSUES.replace(", status: closed", ""), "has no status"),
        "same id": (ISSUES.replace("BUG-2", "BUG-1"), "the same id twice"),
        "no list": ("issues: many", "is no list"),
        "empty file": ("", "is empty"),
        "broken": ("- {", "not YAML"),
        "key twice": ("- {id: 1, id: 2}", "appears twice"),
    }.values(),
)
def test_a_list_of_issues_that_cannot_be_understood_is_an_error(declare: Any, content: str, said: str) -> None:
    with pytest.raises(GonogoError, match=said):
        measure("issues", files=declare("issues.yaml", content))


@pytest.mark.parametrize("files", [{}, {"issues": Path("gone.yaml")}])
def test_a_list_that_is_not_declared_or_not_there_is_an_error(files: dict[str, Path]) -> None:
    with pytest.raises(UsageError):
        measure("issues", files=files)


# -- configuration ------------------------------------------------------------------------------------------------------------------

CONFIG = {
    "config.yaml": "training: {seed: 42, epochs: 50, stop: {patience: 5}}\nname: final\nnothing:\n",
    "config.json": json.dumps({"training": {"seed": 42, "epochs": 50, "stop": {"patience": 5}}, "name": "final", "nothing": None}),
    "config.toml": 'name = "final"\nnothing = ""\n[training]\nseed = 42\nepochs = 50\nstop.patience = 5\n',
}


@pytest.mark.parametrize("name", CONFIG)
def test_required_keys_are_looked_for_with_dots_and_unknown_ones_counted(declare: Any, name: str) -> None:
    files = declare(name, CONFIG[name])
    assert values(measure("configuration", files=files)) == {"parses": True, "required_missing": 0, "unknown": 0, "values": 5}
    found = measure(
        "configuration", {"required": ["training.seed", "name", "nothing", "training.rate"], "optional": ["training.stop"]}, files=files
    )
    assert values(found) == {"parses": True, "required_missing": 2, "unknown": 1, "values": 5}
    assert found.findings == ("missing: nothing", "missing: training.rate", "unknown: training.epochs")
    assert values(measure("configuration", {"required": ["training"], "optional": ["name", "nothing"]}, files=files))["unknown"] == 0


def test_variables_of_an_env_file_are_checked_by_name(declare: Any) -> None:
    files = declare("config.env", "# settings\nexport PORT=8000\nLOG_LEVEL='info'\nEMPTY=\n")
    found = measure("configuration", {"required": ["PORT", "EMPTY", "HOST"]}, files=files)
    assert values(found) == {"parses": True, "required_missing": 2, "unknown": 1, "values": 3}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.yaml", "a: [1"), ("config.yaml", "a: 1\na: 2"), ("config.yaml", "- 1"), ("config.yaml", ""),
        ("config.yaml", "a:\t1\n\tb: 2"), ("config.json", "{"), ("config.json", "[]"),
        ("config.toml", "a ="), ("config.env", "PORT 8000"), ("config.env", "A=1\nA=2"),
    ],
)  # fmt: skip
def test_a_configuration_that_cannot_be_read_has_nothing_that_is_required(declare: Any, name: str, content: str) -> None:
    found = measure("configuration", {"required": ["seed"]}, files=declare(name, content))
    assert (values(found)["parses"], values(found)["required_missing"]) == (False, 1)
    assert found.findings


# -- the lock -----------------------------------------------------------------------------------------------------------------------

LOCK = "# made with Python 3.11\nNumPy==2.1.0 --hash=sha256:aa\nscikit_learn[extra]==1.5.0 ; python_version > '3'\n"


@pytest.mark.parametrize(
    ("name", "content", "expected", "python"),
    {
        "pip": ("r.lock", LOCK + "pandas>=2\n-r other.txt\n", {"packages": 4, "pinned": 2, "unpinned": 2, "hashed": 1}, "3.11"),
        "conda": (
            "environment.yml",
            "name: x\ndependencies:\n- python=3.10.12\n"
            "- conda-forge::numpy=2.1.0=py310h1\n- scipy\n- pip:\n  - torch==2.1.0\n  - jax>=0.4\n",
            {"packages": 5, "pinned": 3, "unpinned": 2, "hashed": 0},
            "3.10.12",
        ),
        "uv": ("r.txt", "# uv pip compile --python-version 3.12\na==1\n", {"packages": 1, "pinned": 1, "unpinned": 0, "hashed": 0}, "3.12"),
    }.values(),
)
def test_a_lock_says_what_is_pinned_and_for_which_python(
    declare: Any, name: str, content: str, expected: dict[str, int], python: str
) -> None:
    (path,) = declare(name, content).values()
    assert values(measure("environment", environment=path)) == {**expected, "python": python}


def test_a_lock_that_does_not_name_its_python_has_no_such_fact(declare: Any) -> None:
    (path,) = declare("r.lock", "# python is nice\na==1\n").values()
    assert "python" not in values(measure("environment", environment=path))


@pytest.mark.parametrize(
    ("name", "content"), [("r.lock", "# nothing\n"), ("e.yml", "name: x\n"), ("e.yml", "- {"), ("e.yml", "dependencies: []")]
)
def test_a_lock_that_names_no_package_is_an_error(declare: Any, name: str, content: str) -> None:
    (path,) = declare(name, content).values()
    with pytest.raises(DataError):
        read_lock(path)


def wheel(folder: Path, name: str, number: str) -> None:
    """A wheel that holds nothing."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{number}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{number}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def test_a_lock_that_is_installed_here_is_installable(declare: Any) -> None:
    (path,) = declare("r.lock", f"NumPy=={version('numpy')}\nno-such-thing==1 ; sys_platform == 'no-such-system'\n").values()
    facts = values(measure("installable", environment=path))
    assert facts == {"installable": True, "missing": 0, "mismatched": 0, "resolved": False}


@pytest.mark.parametrize(
    ("pinned", "same"), [("2.13.0", True), ("2.13", True), ("2.13.0+cpu", True), ("2.13.0+cu130", False), ("2.13.1", False)]
)
def test_a_build_for_one_kind_of_machine_is_the_pinned_version(
    declare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pinned: str, same: bool
) -> None:
    info = tmp_path / "here" / "gonogo_built-2.13.0+cpu.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gonogo-built\nVersion: 2.13.0+cpu\n")
    monkeypatch.syspath_prepend(tmp_path / "here")
    (path,) = declare("r.lock", f"--no-index\ngonogo-built=={pinned}\n").values()
    assert values(measure("installable", environment=path))["mismatched"] == int(not same)


def test_pip_is_asked_for_what_is_not_here_and_finds_it_or_not(declare: Any, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "gonogo_sample", "1.0")
    offline = "--no-index\n--find-links wheels\n"
    (path,) = declare("r.lock", offline + "gonogo-sample==1.0\n").values()
    assert values(measure("installable", environment=path)) == {"installable": True, "missing": 1, "mismatched": 0, "resolved": True}
    (path,) = declare("r.lock", offline + "gonogo-sample==1.1\nnumpy==0.0.1\n").values()
    found = measure("installable", environment=path)
    assert values(found) == {"installable": False, "missing": 1, "mismatched": 1, "resolved": False}
    assert any(finding.startswith("pip: ") for finding in found.findings)


def test_what_lies_beside_the_lock_is_not_asked_for_pip(declare: Any) -> None:
    (path,) = declare("r.lock", "--no-index\nno-such-thing==1.0\n").values()
    path.with_name("pip.py").write_text("")
    assert values(measure("installable", environment=path))["installable"] is False


@pytest.mark.parametrize(("name", "content"), [("r.lock", "numpy>=1\n"), ("e.yml", "dependencies: [no-such-thing=1.0]")])
def test_a_lock_with_ranges_or_one_that_pip_does_not_read_is_not_installable(declare: Any, name: str, content: str) -> None:
    (path,) = declare(name, content).values()
    assert values(measure("installable", environment=path))["installable"] is False


# -- advisories ---------------------------------------------------------------------------------------------------------------------


def advisories(declare: Any, listed: Any, lock: str = "NumPy==2.1.0\ntorch==2.1.0rc1\npandas\n") -> Measurement:
    (path,) = declare("r.lock", lock).values()
    return measure("advisories", environment=path, files=declare("advisories.json", json.dumps(listed)))


@pytest.mark.parametrize(
    ("package", "versions", "hit"),
    [
        ("numpy", "<2.2,>=2.0", True), ("NUMPY", "<2.2", True), ("numpy", "<2.1", False), ("numpy", "==2.1", True),
        ("numpy", ["2.0.0", "2.1.0"], True), ("numpy", ["2.0.0"], False), ("torch", "<2.1", False),
        ("torch", "<2.1.1", True), ("torch", ">=2.1.0rc1", True), ("other", "<9", False),
    ],
)  # fmt: skip
def test_a_version_in_the_range_of_an_advisory_is_vulnerable(declare: Any, package: str, versions: Any, hit: bool) -> None:
    found = advisories(declare, [{"package": package, "versions": versions, "id": "A-1", "severity": "low"}])
    assert values(found) == {"packages": 3, "advisories": 1, "vulnerable": int(hit), "high": 0, "unpinned": 1}
    assert any("A-1" in finding for finding in found.findings) == hit


def test_packages_are_counted_once_and_unknown_severities_are_high(declare: Any) -> None:
    listed = [
        {"package": "numpy", "versions": "<3", "id": f"A-{n}", **more}
        for n, more in enumerate([{"severity": "LOW"}, {}, {"severity": "odd"}])
    ]
    facts = values(advisories(declare, listed))
    assert (facts["vulnerable"], facts["high"]) == (1, 1)


def test_the_age_is_that_which_the_list_tells(declare: Any) -> None:
    day = (datetime.now(UTC) - timedelta(days=40)).date().isoformat()
    facts = values(advisories(declare, {"updated": day, "advisories": []}))
    assert facts["age_days"] in (40, 41)
    assert (facts["vulnerable"], facts["advisories"]) == (0, 0)


@pytest.mark.parametrize(
    ("listed", "said"),
    {
        "tomorrow": ({"updated": "2999-01-01", "advisories": []}, "has not come yet"),
        "no day": ({"updated": "soon", "advisories": []}, "is no date"),
        "no range": ([{"package": "numpy", "versions": "all", "id": "A"}], "A:"),
        "no versions": ([{"package": "numpy", "versions": "", "id": "A"}], "has no versions"),
        "no list": ({"advisories": 3}, "is no list"),
        "empty": ({}, "is empty"),
    }.values(),
)
def test_a_list_of_advisories_that_cannot_be_understood_is_an_error(declare: Any, listed: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        advisories(declare, listed)


def test_a_version_that_cannot_be_compared_is_vulnerable(declare: Any) -> None:
    listed = [{"package": "numpy", "versions": "<0.1", "id": "A", "severity": "low"}]
    assert values(advisories(declare, listed, lock="numpy===our-own-build\n"))["vulnerable"] == 1
