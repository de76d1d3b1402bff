"""Two forests of real flights are compared, one is chosen and written down, certified by a retrain, and the gate holds them to it.

The series is short, for the time it takes; tests/operations/test_certify.py has more of them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import User

pytestmark = pytest.mark.timeout(400)
PACK = """
name: flights
title: Flights
roles: {technical-lead: the technics, product-owner: the flights}
"""
GATE = """
id: flights-gate
title: Flights
version: 1.0.0
date: "2026-01-01"
status: ready
sections:
  - title: Choice
    items:
      - id: decision
        statement: The recommended forest is this one.
        check: selection
        require: [recommended_ready == true, recommended_is_this == true, fallback_ready == true, alternatives >= 1]
  - title: Certification
    items:
      - id: certified
        statement: A retrain was green.
        check: certification
        options:
          green: [cv_mean >= 0.9, cv_std <= 0.1, bootstrap_low >= 0.9, permutation_p <= 0.5, test_accuracy >= 0.9, p95_ms <= 5000 ms]
          stable: [cv_mean, test_accuracy]
          series: 1
        require: [voided == 0, model_green == true, consecutive_green >= 1, metrics_missing == 0, spread <= 2 pp]
      - id: folds
        statement: Folds go forward in time.
        check: cross_validation
        require: [folds >= 2, out_of_order == 0, embargo_violations == 0]
"""
DECLARED = """
certify: {seeds: [1], folds: 2, permutations: 1, metric: roc_auc}
files: {decision: decision.json}
candidates: {expected: {unnamed: {validation_roc_auc: [0.9, 0.99]}}}
"""


def test_two_forests_are_compared_one_is_chosen_certified_and_held_to_it(user: User) -> None:
    two_forests(user)
    choose(user)
    certify(user)
    spoil_the_ledger(user)


def two_forests(user: User) -> None:
    """The small forest lies where the model lies; the larger one of before is in a bundle of the store."""
    (user.folder / "pack").mkdir()
    (user.folder / "pack" / "pack.yaml").write_text(PACK)
    (user.folder / "pack" / "gate.yaml").write_text(GATE)
    text = (user.folder / "gonogo.yaml").read_text()
    text = text[: text.index("\nitems:")] + text[text.index("\nrollout:") :] + DECLARED
    text = text.replace("pack: random-forest-api", "pack: ./pack")
    lines = [line for line in text.splitlines() if not line.startswith("  train: python train.py")]
    text = "\n".join(lines).replace("\ncode:\n", "\ncode:\n  train: python train.py --trees 4 --depth 6\n")
    (user.folder / "gonogo.yaml").write_text(text + "\n")
    user.gonogo("check", expect=1)
    user.python("train.py", "--trees", "4", "--depth", "6")


def choose(user: User) -> None:
    document = user.json("candidates")
    small, large = (one["model"] for one in document["candidates"])
    assert [one["gone"] for one in document["candidates"]] == ["", ""], "the model of before lies in its bundle"
    assert document["candidates"][0]["settings"]["trees"] == 4
    assert document["recommendation"]["name"] == large
    said = user.gonogo("candidates", "--report", "html=.gonogo/c.html", "--report", "markdown=.gonogo/c.md").stdout
    assert "as expected" in said
    assert "<svg" in (user.folder / ".gonogo" / "c.html").read_text()
    assert f"## {large}" in (user.folder / ".gonogo" / "c.md").read_text()
    assert user.gonogo("select", expect=0).stdout.startswith(f"recommended: {large}")
    refused = user.gonogo("select", small, "--reason", "it is ten times smaller", "--risk", "LOW", "--fallback", small, expect=2)
    assert "the chosen one itself" in refused.stderr
    chosen = user.json("select", small, "--reason", "it is ten times smaller", "--risk", "LOW", "--fallback", large)
    assert (chosen["recommended"], chosen["next"]) == (small, [])
    assert "worse" in chosen["candidates"][1]["reason"]
    assert user.json("candidates")["candidates"][0]["status"] == "CHOSEN"
    assert "selection" in user.gonogo("log").stdout


def certify(user: User) -> None:
    assert user.outcomes(user.json("check", expect=1))["certified"] == "ERROR", "nobody has certified it"
    certified = user.json("certify", "--out", ".gonogo/certificate.json")
    assert certified["certified"] is True, certified["reasons"]
    assert [run["seed"] for run in certified["runs"]] == [1]
    assert json.loads((user.folder / ".gonogo" / "certificate.json").read_text())["payloadType"] == "application/vnd.in-toto+json"
    good = user.outcomes(user.json("check", expect=None))
    assert {item: good[item] for item in ("decision", "certified", "folds")} == dict.fromkeys(("decision", "certified", "folds"), "PASS")
    assert "holds until" in user.gonogo("certify", "--status").stdout
    user.python("train.py", "--trees", "5", "--depth", "6")
    bad = user.outcomes(user.json("check", expect=1))
    assert (bad["decision"], bad["certified"]) == ("FAIL", "FAIL")
    assert "the model is another one" in user.gonogo("certify", "--status", expect=1).stdout


def spoil_the_ledger(user: User) -> None:
    ledger = user.folder / "models" / "runs.jsonl"
    lines = ledger.read_text().splitlines()
    ledger.write_text("\n".join([*lines, lines[0]]) + "\n")
    twice = user.gonogo("candidates", expect=2).stderr
    assert f"line {len(lines) + 1} is the run of line 1 again" in twice
    ledger.write_text(lines[0] + "\n" + lines[1][:-20] + "\n")
    assert "line 2 is damaged" in user.gonogo("select", expect=2).stderr
    ledger.unlink()
    assert "NO_RESULTS" in user.gonogo("candidates", expect=1).stderr
