"""The checks on code, documents, people, monitoring and secrets, on small projects that are right and wrong in one thing each."""

from __future__ import annotations

import gzip
import io
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gonogo.errors import ChildError, DataError, GonogoError, UsageError
from gonogo.evidence.digests import FileDigests
from gonogo.evidence.inputs import SourceTree
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement
from gonogo.trust.keys import generate_key

PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:hypothesispytest", "-q", ".")
RUFF = (str(Path(sys.executable).with_name("ruff")),)


def values(measurement: Measurement) -> dict[str, Any]:
    return {name: fact.value for name, fact in measurement.facts.items()}


@pytest.fixture
def code(tmp_path: Path, project: Callable[..., Any]) -> Callable[..., Measurement]:
    """`code("tests", command, {"test_a.py": "…"})`: write files, run one check on them."""

    def run(check: str, command: Any, files: dict[str, str]) -> Measurement:
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        source = SourceTree.read(tmp_path, [Path()])
        return measure(check, project=project(tmp_path, **{check: command}), source=source)

    return run


# -- tests --------------------------------------------------------------------------------------------------------------------------

SUITE = """
import pytest
def test_good(): pass
def test_bad(): assert False
@pytest.mark.skip
def test_skipped(): pass
@pytest.fixture
def broken(): raise OSError
def test_error(broken): pass
"""


def test_a_suite_is_counted_from_its_report(code: Any) -> None:
    found = code("tests", PYTEST, {"test_a.py": SUITE})
    facts = values(found)
    assert (facts["passed"], facts["failed"], facts["skipped"], facts["exit_code"]) == (1, 2, 1, 1)
    assert "failed: test_a::test_bad" in found.findings


@pytest.mark.parametrize("content", ["def helper(): pass\n", "import pytest\n@pytest.mark.skip\ndef test_a(): pass\n"])
def test_a_suite_in_which_no_test_was_run_is_an_error(code: Any, content: str) -> None:
    with pytest.raises(ChildError, match="no test was run"):
        code("tests", PYTEST, {"test_a.py": content})


def test_a_suite_that_cannot_be_imported_has_failed(code: Any) -> None:
    facts = values(code("tests", PYTEST, {"test_a.py": "import nowhere_to_be_found\n", "test_b.py": "def test_b(): pass\n"}))
    assert facts["failed"] >= 1
    assert facts["exit_code"] != 0


@pytest.mark.parametrize("content", ["import os; os._exit(0)\n", "def test_a():\n    import os; os._exit(0)\n"])
def test_a_suite_that_ends_the_program_early_is_an_error_though_it_exits_with_0(code: Any, content: str) -> None:
    with pytest.raises(ChildError, match="left no report"):
        code("tests", PYTEST, {"test_a.py": content})


def test_a_suite_that_prints_a_closing_line_of_its_own_is_not_believed(code: Any) -> None:
    content = "print('99 passed in 0.01s')\ndef test_bad():\n    print('99 passed in 0.01s')\n    assert False\n"
    assert values(code("tests", PYTEST, {"test_a.py": content}))["passed"] == 0


UNITTEST = """
import unittest
class T(unittest.TestCase):
    def test_good(self): pass
    def test_bad(self): self.fail()
    @unittest.skip("x")
    def test_skipped(self): pass
"""


def test_unittest_is_counted_from_its_closing_lines(code: Any) -> None:
    facts = values(code("tests", (sys.executable, "-m", "unittest", "-q"), {"test_a.py": UNITTEST}))
    passed = 0 if (3, 12, 0) <= sys.version_info[:3] <= (3, 12, 1) else 1  # those leave the skipped test out of what they ran
    assert (facts["passed"], facts["failed"], facts["skipped"], facts["exit_code"]) == (passed, 1, 1, 1)


def test_a_unittest_run_in_which_nothing_passed_has_passed_nothing(code: Any) -> None:
    facts = values(code("tests", (sys.executable, "-m", "unittest", "-q"), {"test_a.py": UNITTEST.replace("test_good", "no_test", 1)}))
    assert facts["passed"] == 0


def test_a_unittest_that_should_fail_and_does_not_has_failed(code: Any) -> None:
    content = "import unittest\nclass T(unittest.TestCase):\n    @unittest.expectedFailure\n    def test_good(self): pass\n"
    facts = values(code("tests", (sys.executable, "-m", "unittest", "-q"), {"test_a.py": content}))
    assert (facts["passed"], facts["unexpected_failures"]) == (0, 1)


def test_pytest_behind_another_program_is_counted_from_its_closing_line(code: Any) -> None:
    script = f"import subprocess, sys; sys.exit(subprocess.call({list(PYTEST)!r}))"
    facts = values(code("tests", (sys.executable, "run.py"), {"test_a.py": SUITE, "run.py": script}))
    assert (facts["passed"], facts["failed"], facts["skipped"]) == (1, 2, 1)


@pytest.mark.parametrize("script", ["", "print('all good')", "raise SystemExit(1)"])
def test_a_program_that_does_not_say_what_it_tested_is_an_error(code: Any, script: str) -> None:
    with pytest.raises(ChildError, match="does not say how many tests"):
        code("tests", (sys.executable, "run.py"), {"run.py": script})


# -- lint and format ----------------------------------------------------------------------------------------------------------------


def test_ruff_findings_are_counted_and_named(code: Any) -> None:
    found = code("lint", (*RUFF, "check", "--isolated", "--no-cache", "."), {"a.py": "import os\nimport sys\n", "b.py": "x = 1\n"})
    assert values(found) == {"findings": 2, "exit_code": 1, "files": 2}
    assert found.findings[0].startswith("a.py:1: F401")


def test_clean_sources_have_no_findings_and_are_formatted(code: Any) -> None:
    clean = {"a.py": "x = 1\n"}
    assert values(code("lint", (*RUFF, "check", "--isolated", "--no-cache", "."), clean)) == {"findings": 0, "exit_code": 0, "files": 1}
    formatted = code("format", (*RUFF, "format", "--isolated", "--no-cache", "--check", "."), clean)
    assert values(formatted) == {"exit_code": 0, "unformatted": 0, "files": 1}


def test_unformatted_files_are_counted(code: Any) -> None:
    found = code("format", (*RUFF, "format", "--isolated", "--no-cache", "--check", "."), {"a.py": "x=1\n", "b.py": "y = 1\n"})
    assert values(found)["unformatted"] == 1
    assert values(found)["exit_code"] == 1


@pytest.mark.parametrize(
    ("check", "arguments"),
    {
        "lint nothing": ("lint", ("check", "--isolated", "--no-cache", "empty")),
        "lint wrong option": ("lint", ("check", "--isolated", "--no-such-option")),
        "format nothing": ("format", ("format", "--isolated", "--no-cache", "--check", "empty")),
        "format wrong option": ("format", ("format", "--isolated", "--no-such-option")),
    }.values(),
)
def test_a_tool_that_looked_at_nothing_or_failed_is_an_error(code: Any, check: str, arguments: tuple[str, ...]) -> None:
    with pytest.raises(ChildError):
        code(check, (*RUFF, *arguments), {"a.py": "x = 1\n", "empty/readme.txt": "nothing here"})


def test_a_file_that_is_no_python_is_never_a_clean_lint_or_format(code: Any) -> None:
    assert values(code("lint", (*RUFF, "check", "--isolated", "--no-cache", "."), {"a.py": "def (\n"}))["findings"] > 0
    with pytest.raises(ChildError, match="failed"):
        code("format", (*RUFF, "format", "--isolated", "--no-cache", "--check", "."), {"a.py": "def (\n"})


def test_other_linters_are_counted_by_their_lines(code: Any) -> None:
    script = "print('a.py:3:1: E999 broken'); print('summary'); raise SystemExit(1)"
    assert values(code("lint", (sys.executable, "lint.py"), {"lint.py": script}))["findings"] == 1
    with pytest.raises(ChildError, match="without a finding"):
        code("lint", (sys.executable, "lint.py"), {"lint.py": "raise SystemExit(1)"})


@pytest.mark.parametrize("check", ["tests", "lint", "format"])
def test_a_project_that_declares_no_command_is_an_error(code: Any, check: str) -> None:
    with pytest.raises(UsageError, match="declares no"):
        code(check, None, {"a.py": ""})


# -- sources ------------------------------------------------------------------------------------------------------------------------


def test_sources_have_a_digest_that_every_file_changes_and_caches_do_not(tmp_path: Path) -> None:
    def digest() -> str:
        return SourceTree.read(tmp_path, [Path("src")]).digest(FileDigests())

    (tmp_path / "src" / "deep").mkdir(parents=True)
    (tmp_path / "src" / "a.py").write_text("1")
    seen = {digest()}
    (tmp_path / "src" / "__pycache__").mkdir()
    (tmp_path / "src" / "__pycache__" / "a.pyc").write_text("1")
    (tmp_path / "elsewhere.py").write_text("1")
    assert digest() in seen
    for name, content in (("a.py", "2"), (".env", "1"), ("deep/b.py", "1")):
        (tmp_path / "src" / name).write_text(content)
        assert digest() not in seen
        seen.add(digest())
    (tmp_path / "src" / "link").symlink_to("/etc/passwd")
    tree = SourceTree.read(tmp_path, [Path("src")])
    assert digest() not in seen
    assert [path.name for path in tree.links] == ["link"]
    assert all(path.name != "link" for path in tree.files)


@pytest.mark.parametrize("paths", [["gone"], ["empty"], []])
def test_sources_that_are_not_there_are_an_error(tmp_path: Path, paths: list[str]) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError):
        SourceTree.read(tmp_path, [Path(path) for path in paths])


# -- secrets ------------------------------------------------------------------------------------------------------------------------

AWS = "AKIA" + "IOSFODNN7QWERTYU"
GITHUB = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
PEM = "-----BEGIN " + "PRIVATE KEY-----\n" + "MC4CAQAwBQYDK2VwBCIEIJ" * 3 + "\n-----END PRIVATE KEY-----\n"
SLACK = "xox" + "b-123456789012-abcdefABCDEF123456"


@pytest.fixture
def scan(tmp_path: Path, bundle: Callable[..., Any]) -> Callable[..., Measurement]:
    (tmp_path / "src").mkdir()
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bundle.json").write_text("{}")

    def run(content: bytes | str, name: str = "src/settings.py", **options: Any) -> Measurement:
        (tmp_path / "src" / "a.py").write_text("x = 1\n")
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        source = SourceTree.read(tmp_path / "src", [Path()])
        return measure("secrets", options, source=source, bundle=bundle(root=tmp_path / "bundle"))

    return run


@pytest.mark.parametrize(
    "content",
    {
        "aws": f"key = '{AWS}'", "github": f"# {GITHUB}", "pem": PEM, "slack": f"https://x/{SLACK}",
        "url": "db = 'postgresql://app:s3cr3t-Pa55@db:5432/x'", "password": "PASSWORD = 'xK9#mQ2$vL7p'",
        "yaml": 'api_key: "9fK2mXq81LzPw0aB"',
        "json": '{"client_secret": "9fK2mXq81LzPw0aB"}', "env": "export DB_PASSWORD=9fK2mXq81LzPw0aB\n",
    }.values(),
)  # fmt: skip
def test_a_secret_is_found_and_never_shown(scan: Any, content: str) -> None:
    found = scan("\n\n" + content)
    assert values(found)["hits"] >= 1
    assert "settings.py:3" in found.findings[0]
    for secret in (AWS, GITHUB, SLACK, "s3cr3t-Pa55", "xK9#mQ2$vL7p", "9fK2mXq81LzPw0aB", "MC4CAQAwBQYDK2Vw"):
        assert secret not in str(found)


@pytest.mark.parametrize(
    "content",
    [
        "password = os.environ['DB_PASSWORD']", "PASSWORD = 'changeme'", "api_key = 'your-api-key-here'", "token = '${TOKEN}'",
        "secret = 'aaaaaaaaaaaa'", "DB_PASSWORD=$SECRET_FROM_STORE\n", "url = 'https://user:{password}@host'",
        "def reset_password(user): ...", "API_KEY=settings.API_KEY\n", "    token=client_token,\n",
        "-----BEGIN PUBLIC KEY-----\nMC4CAQAwBQYDK2VwBCIEIJMC4CAQAwBQYDK2VwBCIEIJ\n-----END PUBLIC KEY-----", "AKIA",
        "sha256 = 'e3b0c44298fc1c14'",
    ],
)  # fmt: skip
def test_what_only_speaks_of_secrets_is_no_hit(scan: Any, content: str) -> None:
    assert values(scan(content))["hits"] == 0


@pytest.mark.parametrize("name", ["src/.env", "src/.hidden", "src/model.bin", "bundle/model.onnx"])
def test_dot_files_binary_files_and_the_bundle_are_scanned(scan: Any, name: str) -> None:
    assert values(scan(b"\0\1\2" + AWS.encode() + b"\0", name=name))["hits"] == 1


def test_a_secret_across_two_blocks_of_a_large_file_is_found_once_at_its_line(scan: Any) -> None:
    from gonogo.evidence.checks.secrets import BLOCK

    line = b"x" * 99 + b"\n"
    head = line * (BLOCK // 100)
    filler = b"y" * (BLOCK - len(head) - 10) + b" "
    found = scan(head + filler + AWS.encode() + b"\n" + line * 50)
    assert values(found)["hits"] == 1
    assert f"settings.py:{BLOCK // 100 + 1}:" in found.findings[0]


def test_a_false_alarm_is_allowed_by_its_fingerprint_alone(scan: Any) -> None:
    found = scan(f"a = '{AWS}'\nb = '{GITHUB}'")
    fingerprint = found.findings[0].split("fingerprint ")[1].rstrip(")")
    facts = values(scan(f"a = '{AWS}'\nb = '{GITHUB}'", allow=[fingerprint]))
    assert (facts["hits"], facts["allowed"]) == (1, 1)


def test_every_file_is_counted_and_links_are_said_to_be_left_out(scan: Any, tmp_path: Path) -> None:
    (tmp_path / "src" / "link").symlink_to("a.py")
    facts = values(scan("x = 2"))
    assert (facts["files_scanned"], facts["files_skipped"]) == (3, 1)


def zipped(entries: dict[str, str]) -> bytes:
    place = io.BytesIO()
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return place.getvalue()


def test_a_secret_in_a_packed_file_is_found(scan: Any) -> None:
    found = scan(zipped({"fine.txt": "x", "deep/settings.py": f"\nkey = '{AWS}'"}), "bundle/model.skops")
    assert (values(found)["hits"], values(found)["archives_unread"]) == (1, 0)
    assert found.findings[0].startswith("bundle/model.skops!deep/settings.py:2: AWS")
    found = scan(gzip.compress(f"# {GITHUB}".encode()), "src/data.csv.gz")
    assert values(found)["hits"] == 2  # with that of the bundle
    assert any(finding.startswith("data.csv.gz!:1: GitHub") for finding in found.findings)


@pytest.mark.parametrize(
    "content",
    [gzip.compress(b"x" * 5000)[:-12], zipped({"a": "x" * 5000})[:-20], b"PK\x03\x04", b"\x1f\x8b"],
    ids=["cut gzip", "cut ZIP", "head of a ZIP", "head of a gzip"],
)
def test_a_packed_file_that_cannot_be_unpacked_is_counted_and_named(scan: Any, content: bytes) -> None:
    found = scan(content, "src/broken.bin")
    assert values(found)["archives_unread"] == 1
    assert "cannot be unpacked: broken.bin" in found.findings


# -- documents ----------------------------------------------------------------------------------------------------------------------

README = "# Small\n\nA text of some words.\n\nRolling back\n------------\n\n```\n# TODO in code\n```\n\n## Deployment ##\n"


def test_a_whole_document_has_its_sections(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(README)
    options = {"document": "readme", "sections": ["deploy", "roll(ing)? back"], "mentions": ["SMALL"]}
    found = measure("document", options, documents={"readme": path})
    facts = values(found)
    assert facts["exists"] is True
    assert (facts["sections_missing"], facts["mentions_missing"], facts["words"], facts["placeholders"]) == (0, 0, 9, 0)


def test_what_a_document_lacks_is_counted_and_named(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("# TBD\n\nTODO: write. <your name here>\n\n```\n# Rollback\n```\n")
    found = measure("document", {"document": "readme", "sections": ["Rollback"], "mentions": ["1.2.0"]}, documents={"readme": path})
    facts = values(found)
    assert (facts["sections_missing"], facts["mentions_missing"], facts["placeholders"]) == (1, 1, 3)
    assert "no section: Rollback" in found.findings


@pytest.mark.parametrize("documents", [{}, {"readme": Path("/nowhere/README.md")}])
def test_a_document_that_is_not_there_lacks_everything(documents: dict[str, Path]) -> None:
    facts = values(measure("document", {"document": "readme", "sections": ["a", "b"]}, documents=documents))
    assert facts["exists"] is False
    assert facts["sections_missing"] == 2
    assert facts["words"] == 0


@pytest.mark.parametrize(
    ("options", "content"), [({}, b"x"), ({"document": "readme", "sections": ["("]}, b"# x"), ({"document": "readme"}, b"\xff")]
)
def test_a_document_that_cannot_be_judged_is_an_error(tmp_path: Path, options: dict[str, Any], content: bytes) -> None:
    path = tmp_path / "README.md"
    path.write_bytes(content)
    with pytest.raises(DataError):
        measure("document", options, documents={"readme": path})


# -- people -------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Someone:
    name: str
    key: Path


def test_every_role_with_a_person_of_their_own_is_counted(tmp_path: Path) -> None:
    people = {}
    for role, name in (("lead", "Ana"), ("owner", "Ben")):
        generate_key(tmp_path / f"{role}.key")
        people[role] = [Someone(name, tmp_path / f"{role}.pub")]
    facts = values(measure("people", {"roles": ["lead", "owner"]}, people=people))
    assert facts == {"roles": 2, "roles_missing": 0, "unusable_keys": 0, "same_person": 0, "same_key": 0, "author_approves": 0}


@pytest.mark.parametrize(
    ("name", "same_key"), [("Ana", False), (" ana  ", False), ("An\u200ba", False), ("\u0410na", False), ("Ben", True)]
)
def test_one_person_in_two_roles_is_found_by_name_or_key(tmp_path: Path, name: str, same_key: bool) -> None:
    generate_key(tmp_path / "one.key")
    generate_key(tmp_path / "two.key")
    people = {"lead": [Someone("Ana", tmp_path / "one.pub")], "owner": [Someone(name, tmp_path / ("one.pub" if same_key else "two.pub"))]}
    facts = values(measure("people", people=people))
    assert (facts["same_person"], facts["same_key"]) == (1, int(same_key))


@pytest.fixture
def someone(tmp_path: Path) -> Callable[[str, str], Someone]:
    """`someone("Ana", "a")`: a person with the key called a."""

    def make(name: str, key: str) -> Someone:
        if not (tmp_path / f"{key}.key").exists():
            generate_key(tmp_path / f"{key}.key")
        return Someone(name, tmp_path / f"{key}.pub")

    return make


def test_somebody_among_several_who_has_an_earlier_role_too_is_found(someone: Callable[[str, str], Someone]) -> None:
    people = {
        "lead": [someone("Ana", "a"), someone("Ben", "b")],
        "owner": [someone("Cy", "c"), someone("Ben", "d")],
        "ethics": [someone("Dan", "e")],
    }
    measured = measure("people", people=people)
    facts = values(measured)
    assert (facts["roles"], facts["same_person"], facts["same_key"]) == (3, 1, 0)
    assert measured.findings == ("lead and owner are the same person: ben",)


@pytest.mark.parametrize(("name", "key", "roles"), [("Eve", "e", 0), ("ana ", "e", 1), ("Eve", "a", 1), ("Ana", "", 1), ("Eve", "", 0)])
def test_an_author_who_approves_is_found_by_name_or_key(someone: Callable[[str, str], Someone], name: str, key: str, roles: int) -> None:
    author = someone(name, key) if key else SimpleNamespace(name=name, key=None)
    people = {"lead": [someone("Ana", "a")], "owner": [someone("Ben", "b")]}
    facts = values(measure("people", people=people, author=author))
    assert (facts["author_approves"], facts["roles"], facts["same_person"]) == (roles, 2, 0)


def test_only_the_named_groups_are_kept_apart(someone: Callable[[str, str], Someone]) -> None:
    ana = someone("Ana", "a")
    people = {"lead": [ana], "owner": [ana], "ethics": [someone("Ben", "b")]}
    for groups, expected in (
        (["lead, ethics"], (0, 0)),
        (["lead, owner"], (1, 0)),
        (["author, ethics"], (0, 0)),
        (["author, lead"], (0, 1)),
    ):
        facts = values(measure("people", {"apart": groups}, people=people, author=ana))
        assert (facts["same_person"], facts["author_approves"]) == expected, groups


@pytest.mark.parametrize("content", [None, b"", b"no key"])
def test_a_key_that_cannot_be_read_leaves_its_role_empty(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "ana.pub").write_bytes(content)
    facts = values(measure("people", {"roles": ["lead", "owner"]}, people={"lead": [Someone("Ana", tmp_path / "ana.pub")]}))
    assert (facts["roles"], facts["roles_missing"], facts["unusable_keys"]) == (0, 2, 1)


# -- monitoring ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    name: str
    signal: str
    above: float


RULES = (Rule("error-share", "error_rate", 0.05), Rule("latency-p95", "latency", 1000.0))


@dataclass(frozen=True)
class Watching:
    channels: tuple[str, ...] = ("file",)
    rules: tuple[Rule, ...] = RULES


def test_a_baseline_for_every_feature_is_counted(bundle: Callable[..., Any]) -> None:
    counted = {"counts": [1, 2]}
    baseline = {"rows": 3, "features": {"x": counted, "z": counted}, "score": counted}
    facts = values(measure("monitoring", monitor=Watching(), bundle=bundle(x="float", z="float", baseline=baseline)))
    assert facts == {
        "features": 2, "baseline_features": 2, "baseline_scores": True, "baseline_rows": 3, "rules": 2, "channels": 1,
        "metrics_declared": 2, "signals_missing": 0,
    }  # fmt: skip


@pytest.mark.parametrize("entry", [{}, {"counts": []}, {"counts": [0, 0]}, {"counts": "3"}, [1, 2], {"counts": [None]}])
def test_a_baseline_that_counted_nothing_is_none(bundle: Callable[..., Any], entry: Any) -> None:
    found = measure("monitoring", monitor=Watching((), ()), bundle=bundle(x="float", baseline={"features": {"x": entry}, "score": entry}))
    facts = values(found)
    assert (facts["baseline_features"], facts["baseline_scores"], facts["rules"], facts["channels"]) == (0, False, 0, 0)
    assert found.findings == ("no baseline for 'x'",)


STRATEGY = """# Guide

## Monitoring

See the [dashboard](https://example.invalid/board).

| metric | threshold | what to do |
|---|---|---|
| error_rate | 5 % | go back |

### Alarm: latency p95

Above 1,000 ms for half a minute. Look at the percentiles of each release; when one is slow, go back to the one before.
"""


@pytest.fixture
def watched(tmp_path: Path, bundle: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    def measured(text: str | None, **options: Any) -> dict[str, Any]:
        if text is not None:
            (tmp_path / "guide.md").write_text(text)
        given = {"documents": {"guide": tmp_path / "guide.md"}, "monitor": Watching(), "bundle": bundle(x="float", baseline={})}
        found = measure("monitoring", {"document": "guide", **options}, **given)
        wanted = ("thresholds_missing", "actions_missing", "dashboard", "signals_missing")
        return {name: found.facts[name].value for name in wanted}

    return measured


def test_a_strategy_gives_threshold_and_action_of_every_rule(watched: Callable[..., dict[str, Any]]) -> None:
    facts = watched(STRATEGY, signals=["error_rate", "latency"])
    assert facts == {"thresholds_missing": 0, "actions_missing": 0, "dashboard": True, "signals_missing": 0}


@pytest.mark.parametrize(
    ("old", "new", "fact", "expected"),
    [
        ("5 %", "4 %", "thresholds_missing", 1), ("1,000 ms", "too much", "thresholds_missing", 1),
        ("1,000 ms", "1 s", "thresholds_missing", 0),
        ("go back |", "TBD |", "actions_missing", 1), ("what to do", "owner", "actions_missing", 1),
        ("latency p95", "slow", "actions_missing", 1),
        ("error_rate", "accuracy", "actions_missing", 1), ("[dashboard](https://example.invalid/board)", "wiki", "dashboard", False),
        ("5 %", "0.05", "thresholds_missing", 0),
    ],
)  # fmt: skip
def test_what_a_strategy_leaves_out_is_counted(watched: Any, old: str, new: str, fact: str, expected: Any) -> None:
    assert watched(STRATEGY.replace(old, new))[fact] == expected


def test_without_a_strategy_everything_is_missing(watched: Callable[..., dict[str, Any]]) -> None:
    facts = watched(None, signals=["latency", "psi"])
    assert facts == {"thresholds_missing": 2, "actions_missing": 2, "dashboard": False, "signals_missing": 1}


def test_a_bundle_that_is_no_bundle_is_an_error(bundle: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(GonogoError):
        measure("model_format", model_file=tmp_path, bundle=bundle(x="float", root=tmp_path))
