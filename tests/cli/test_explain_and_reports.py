"""`gonogo explain` and the files of `gonogo check --report`, as a user gets them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

from junitparser import JUnitXml


def gonogo(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    return subprocess.run(
        [sys.executable, "-m", "gonogo", *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=170, check=False
    )


def test_every_format_is_written_at_once_and_says_the_same_verdict(project: Path) -> None:
    names = ("html", "json", "text", "markdown", "junit", "sarif", "form")
    done = gonogo(project, "check", *(word for name in names for word in ("--report", f"{name}=out/{name}")))
    assert done.returncode == 1, done.stderr
    written = {name: (project / "out" / name).read_text(encoding="utf-8") for name in names}
    HTMLParser().feed(written["html"])
    assert json.loads(written["json"])["verdict"] == "NO-GO"
    assert written["text"].startswith("small  NO-GO")
    assert written["markdown"].startswith("# ✗ small: NO-GO")
    assert [case.name for suite in JUnitXml.fromstring(written["junit"].encode()) for case in suite if case.result] == [
        "many-classes",
        "verdict",
    ]
    (run,) = json.loads(written["sarif"])["runs"]
    assert run["properties"]["verdict"] == "NO-GO"
    assert "Status: NOT APPROVED" in written["form"]


def test_an_unknown_format_is_refused_with_those_there_are(project: Path) -> None:
    done = gonogo(project, "check", "--report", "pdf=x.pdf")
    assert done.returncode == 2
    assert "sarif" in done.stderr


def test_an_item_is_explained_with_question_meaning_history_and_runbook(project: Path) -> None:
    gonogo(project, "explain", "many-classes")
    gonogo(project, "check")
    text = " ".join(gonogo(project, "explain", "many-classes").stdout.split())
    for expected in (
        "FAIL (TOO FEW) many-classes There are many classes",
        "question ",
        "required classes >= 40",
        "repair Find more.",
        "runbook RUNBOOK.md#few-classes: Few classes Ask the desk for more.",
        "NOT_RUN: nothing was measured",
    ):
        assert expected in text
    document = json.loads(gonogo(project, "explain", "many-classes", "--json").stdout)
    assert [past["outcome"] for past in document["history"]] == ["NOT_RUN", "FAIL"]
    assert document["question"].endswith("?")
    assert document["meanings"].keys() >= document["evidence"]["facts"].keys()


def test_a_runbook_that_is_not_there_is_said(project: Path) -> None:
    (project / "RUNBOOK.md").write_text("# Other\n")
    assert "RUNBOOK.md has no section #few-classes" in " ".join(gonogo(project, "explain", "many-classes").stdout.split())
    (project / "RUNBOOK.md").unlink()
    assert "RUNBOOK.md is not there" in " ".join(gonogo(project, "explain", "many-classes").stdout.split())


def test_a_report_among_the_sources_is_noted_and_one_in_the_store_is_not(project: Path) -> None:
    assert "note: report.html lies among the project's sources" in gonogo(project, "check", "--report", "html=report.html").stderr
    assert "lies among" not in gonogo(project, "check", "--report", "html=.gonogo/report.html").stderr
    assert "lies among" not in gonogo(project, "check", "--report", "html=../report.html").stderr


def test_judging_alone_and_proving_do_not_go_together(project: Path) -> None:
    done = gonogo(project, "check", "--judge-only", "--prove")
    assert done.returncode == 2
    assert "--prove does not go with it" in done.stderr
