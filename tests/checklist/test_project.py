"""gonogo.yaml: what it says, and where its mistakes are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gonogo.base.secret import Secret
from gonogo.checklist.channels import ChannelDeclaration
from gonogo.checklist.declarations.labels import LabelsDeclaration
from gonogo.checklist.declarations.overrides import ItemOverride
from gonogo.checklist.declarations.people import Author, Person
from gonogo.checklist.project import load_project
from gonogo.checklist.quantities import duration, share
from gonogo.errors import ProjectFileError

Write = Callable[[str], Path]

FULL = """
system: credit-risk
pack: random-forest-api
model:
  path: models/forest.onnx
  task: binary-classification
  features: [age, income]
  positive: 1
  threshold: 0.3
  reference: models/reference.csv
data:
  train: data/train.parquet
  validation: data/validation.parquet
  test: data/test.parquet
  target: default
  time: issue_date
  ignore: [id]
  group: customer
  embargo: 7 d
documents: {readme: README.md}
files: {history: models/history.json}
code:
  paths: [src, tests]
  tests: python -m pytest "tests/my tests"
  lint: ruff check src
  format: ruff format --check src
  hooks: pre-commit run --all-files
  train: python train.py
  security: bandit -r src
people:
  technical-lead: {name: Ana, key: keys/ana.pub}
  product-owner:
    - {name: Ben, key: keys/ben.pub}
    - {name: Cy, key: keys/cy.pub}
author: {name: Dan, key: keys/dan.pub}
policy: {test_uses: 5}
accelerator: optional
rollout:
  target: local
  steps: [1, 50, 100]
  min_seconds: 5
  deadline_seconds: 60
  hold_back_percent: 2
  alpha: 0.02
  beta: 0.1
  margin: 0.02
  d: 0.002
prediction_log: {}
monitor:
  channels: [file]
  labels: {mature_after: 2 d, least_coverage: 0.2, slices: {sex: [f, m], adult: [1]}}
items:
  quality:
    require: roc_auc > 0.9
    confidence: 99%
    max_age: 30 d
    options: {level: 0.99}
  rate-limit: {applies: false, reason: internal clients only}
environment: requirements.lock
isolation: accept-weaker
store: /var/lib/gonogo
run_record: models/run.json
"""


def error(path: Path) -> ProjectFileError:
    with pytest.raises(ProjectFileError) as caught:
        load_project(path)
    return caught.value


def test_every_key_arrives_in_the_record(write_project: Write, tmp_path: Path) -> None:
    project = load_project(write_project(FULL))
    root = tmp_path.resolve()
    assert (project.system, project.pack, project.isolation) == ("credit-risk", "random-forest-api", "accept-weaker")
    assert project.model.path == root / "models/forest.onnx"
    assert (project.model.features, project.model.positive, project.model.threshold) == (("age", "income"), "1", 0.3)
    assert project.model.reference == root / "models/reference.csv"
    assert (project.data.target, project.data.time, project.data.ignore) == ("default", "issue_date", ("id",))
    assert (project.data.train, project.data.validation) == (root / "data/train.parquet", root / "data/validation.parquet")
    assert project.documents == {"readme": root / "README.md"}
    assert project.code.paths == (root / "src", root / "tests")
    assert project.code.tests == ("python", "-m", "pytest", "tests/my tests")
    assert project.code.format == ("ruff", "format", "--check", "src")
    assert project.people == {
        "technical-lead": (Person("Ana", root / "keys/ana.pub"),),
        "product-owner": (Person("Ben", root / "keys/ben.pub"), Person("Cy", root / "keys/cy.pub")),
    }
    assert project.author == Author("Dan", root / "keys/dan.pub")
    assert project.files == {"history": root / "models/history.json"}
    assert (project.data.group, project.data.embargo, project.accelerator) == ("customer", 7 * 86400.0, "optional")
    assert (project.code.hooks, project.code.train) == (("pre-commit", "run", "--all-files"), ("python", "train.py"))
    assert (project.code.security, project.policy.test_uses) == (("bandit", "-r", "src"), 5)
    assert (project.rollout.target, project.rollout.steps, project.rollout.hold_back_percent) == ("local", (1, 50, 100), 2.0)
    assert (project.rollout.alpha, project.rollout.beta, project.rollout.margin, project.rollout.d) == (0.02, 0.1, 0.02, 0.002)
    assert project.monitor.labels == LabelsDeclaration(2 * 86400.0, 0.2, {"sex": ("f", "m"), "adult": ("1",)}, expected=True)
    assert project.items["quality"] == ItemOverride(("roc_auc > 0.9",), 0.99, 30 * 86400.0, {"level": 0.99})
    assert project.items["rate-limit"] == ItemOverride(applies=False, reason="internal clients only")
    assert project.items["rate-limit"].keys == ()
    assert project.environment == root / "requirements.lock"
    assert project.store == Path("/var/lib/gonogo")
    assert project.run_record == root / "models/run.json"


def test_what_is_not_said_has_a_default(write_project: Write, tmp_path: Path) -> None:
    project = load_project(write_project(""))
    root = tmp_path.resolve()
    assert project.store == root / ".gonogo"
    assert project.code.paths == (root,)
    assert (project.code.tests, project.environment, project.run_record, project.data.train) == (None, None, None, None)
    assert project.rollout.steps == (5, 25, 100)
    assert project.monitor.channels == (ChannelDeclaration("file", "file"),)
    assert project.monitor.changes == {}
    assert project.monitor.labels == LabelsDeclaration(86400.0, 0.5, {}, expected=False)
    assert project.isolation == "required"
    assert (project.documents, project.people, project.items, project.files) == ({}, {}, {}, {})
    assert (project.author, project.accelerator, project.policy.test_uses) == (None, "none", 20)


def test_a_folder_stands_for_the_file_in_it(write_project: Write, tmp_path: Path) -> None:
    write_project("")
    assert load_project(tmp_path).system == "credit-risk"


def test_a_run_record_beside_the_model_is_found(write_project: Write, tmp_path: Path) -> None:
    path = write_project("")
    (tmp_path / "models").mkdir()
    (tmp_path / "models/run.json").write_text("{}")
    assert load_project(path).run_record == tmp_path.resolve() / "models/run.json"


def test_the_digest_does_not_depend_on_where_the_project_lies(write_project: Write, tmp_path: Path) -> None:
    here = load_project(write_project(""))
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "gonogo.yaml").write_text((tmp_path / "gonogo.yaml").read_text() + "# a comment\n")
    assert load_project(other).digest() == here.digest()
    assert str(tmp_path) not in str(here.to_json())
    assert here.shown(here.data.test) == "data/test.parquet"


def test_the_digest_of_a_part_changes_with_that_part_alone(write_project: Write) -> None:
    before = load_project(write_project(""))
    after = load_project(write_project("isolation: accept-weaker\nrollout: {steps: [50, 100]}\n"))
    assert after.digest() != before.digest()
    assert after.digest("rollout") != before.digest("rollout")
    assert after.digest("data", "model") == before.digest("data", "model")


@pytest.mark.parametrize(
    ("text", "line", "column", "said", "hint"),
    [
        ("modle: {}\n", 9, 1, "unknown key 'modle'", "'model'"),
        ("rollout:\n  stesp: [100]\n", 10, 3, "unknown key 'stesp'", "'steps'"),
        ("rollout:\n  steps: [25, 5, 100]\n", 10, 3, "must grow and end with 100", "[5, 25, 100]"),
        ("rollout:\n  steps: [5, 25]\n", 10, 3, "must grow and end with 100", ""),
        ("rollout: {steps: []}\n", 9, 11, "needs 1 entry", ""),
        ("rollout: {steps: [0, 100]}\n", 9, 19, "at least 1", ""),
        ("rollout: {steps: [5.5, 100]}\n", 9, 19, "whole number", ""),
        ("rollout: {steps: [true, 100]}\n", 9, 19, "whole number, not True", ""),
        ("rollout: {min_seconds: 700}\n", 9, 1, "deadline", "deadline_seconds"),
        ("rollout: {alpha: 0}\n", 9, 11, "more than 0", ""),
        ("rollout: {alpha: .nan}\n", 9, 11, "finite", ""),
        ("rollout: {alpha: .inf}\n", 9, 11, "finite", ""),
        ("rollout: {alpha: yes}\n", 9, 11, "a number, not True", ""),
        ("rollout: {hold_back_percent: 6}\n", 9, 11, "at most 5", ""),
        ("rollout: {d: 0.5}\n", 9, 11, "smaller than margin", ""),
        ("rollout: {target: locl}\n", 9, 11, "no target is called 'locl'", "'local'"),
        ("isolation: none\n", 9, 1, "cannot be 'none'", "required, accept-weaker"),
        ("isolation: requierd\n", 9, 1, "cannot be 'requierd'", "Did you mean 'required'"),
        ("people: [ana]\n", 9, 1, "a map of keys to values, not a list", ""),
        ("people:\n", 9, 1, "not empty", ""),
        ("people:\n  technical-lead: {name: Ana}\n", 10, 3, "'key' is missing", "key: …"),
        ("people:\n  technical-lead: {nam: Ana, key: a}\n", 10, 20, "unknown key 'nam'", "'name'"),
        ("people:\n  lead:\n    - {name: Ana, key: a}\n    - {name: Ana, key: b}\n", 12, 7, "stands twice", ""),
        ("people: {lead: []}\n", 9, 10, "needs 1 entry", ""),
        ("data: {}\n", 9, 1, "appears twice", ""),
        ("policy: {test_uses: 0}\n", 9, 10, "at least 1", ""),
        ("accelerator: gpu\n", 9, 1, "cannot be 'gpu'", "none"),
        ("people:\n  1: {name: Ana, key: a}\n", 10, 3, "must be text", "Quote"),
        ("code: {tests: 'pytest \"tests'}\n", 9, 8, "no command", "quotes"),
        ("code: {tests: ''}\n", 9, 8, "is empty", "pytest"),
        ("code: {tests: [pytest]}\n", 9, 8, "must be text, not a list", ""),
        ("code: {paths: [src, src]}\n", 9, 21, "stands twice", ""),
        ("documents: {readme: 7}\n", 9, 13, "must be text, not 7", "Quote it"),
        ("environment: ' '\n", 9, 1, "cannot be ' '", "requirements.lock"),
        ("monitor: {channels: [fil]}\n", 9, 22, "no channel is called 'fil'", "'file'"),
        ("monitor: {channels: [slack]}\n", 9, 22, "'url' is missing", "url"),
        ("monitor:\n  channels:\n    - {channel: slack, options: {url: 'https://hooks/T0/S'}}\n", 11, 34, "does not stand in", "VARIABLE"),
        ("monitor:\n  channels:\n    - {channel: slack, options: {url: {env: A, file: b}}}\n", 11, 34, "in one place", "not both"),
        ("monitor:\n  channels:\n    - {channel: slack, options: {urk: {env: A}}}\n", 11, 34, "unknown key 'urk'", "'url'"),
        ("monitor:\n  channels:\n    - {channel: email, options: {host: h, sender: a@b, to: [me]}}\n", 11, 61, "cannot be 'me'", ""),
        ("monitor:\n  channels:\n    - {channel: log, levels: [loud]}\n", 11, 31, "cannot be 'loud'", "critical"),
        ("monitor:\n  channels: [log, {channel: log}]\n", 10, 19, "two channels are called 'log'", "name"),
        ("monitor:\n  labels: {least_coverage: 2}\n", 10, 12, "at most 1", ""),
        ("monitor:\n  labels: {mature_after: 1 h}\n", 10, 3, "no prediction is kept", "prediction_log: {}"),
        ("monitor:\n  labels: {slices: {a: []}}\n", 10, 21, "needs 1 entry", ""),
        (f"monitor:\n  labels: {{slices: {{a: {[*range(61)]}}}}}\n", 10, 12, "61 slices are more than 60", "matter"),
        (
            "prediction_log: {redact: {sex: drop}}\nmonitor:\n  labels: {slices: {sex: [f]}}\n",
            11, 21, "would keep what it was", "Take it out",
        ),
        ("monitor:\n  rules: []\n", 10, 3, "needs 1 entry", ""),
        ("monitor:\n  rules:\n    - {name: e, signal: error_rate, above: 1, for: soon}\n", 11, 47, "cannot be 'soon'", ""),
        ("items:\n  quality: {applies: false}\n", 10, 3, "an answer needs a reason", "reason"),
        ("items:\n  quality: {applies: maybe, reason: x}\n", 10, 13, "true or false, not 'maybe'", ""),
        ("items:\n  quality: {applies: false, reason: ''}\n", 10, 29, "is empty", ""),
        ("items:\n  quality: {confidence: 95}\n", 10, 13, "less than 1", "95%"),
        ("items:\n  quality: {confidence: 40%}\n", 10, 13, "cannot be '40%'", "95%"),
        ("items:\n  quality: {require: []}\n", 10, 13, "needs 1 entry", "roc_auc"),
        ("items:\n  quality: {statement: x}\n", 10, 13, "unknown key 'statement'", ""),
        ("items:\n  quality: {options: {a: {b: 1}}}\n", 10, 23, "not a map", ""),
        ("items: &a\n  quality: *a\n", 9, 8, "too deeply", "aliases"),
        ("? [list]\n: 1\n", 9, 3, "a key must be a word", ""),
        ("system: twice\n", 9, 1, "appears twice", ""),
        ("store: [\n", 10, 1, "not YAML", ""),
        ("\tstore: x\n", 9, 1, "not YAML", ""),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_line_column_and_repair(
    write_project: Write, text: str, line: int, column: int, said: str, hint: str
) -> None:
    path = write_project(text)
    caught = error(path)
    assert (caught.line, caught.column) == (line, column), str(caught)
    assert said in caught.message
    assert hint in caught.hint
    assert str(caught).startswith(f"{path}:{line}:{column}: ")
    assert caught.exit_code == 2


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("system: credit-risk\n", "", 1, "'system' is missing"),
        ("system: credit-risk", "system: Credit Risk", 1, "system cannot be 'Credit Risk'"),
        ("system: credit-risk", "system: 7", 1, "must be text"),
        ("  target: default\n", "", 6, "'target' is missing"),
        ("  test: data/test.parquet\n", "", 6, "'test' is missing"),
        ("  task: binary-classification", "  task: binary", 5, "cannot be 'binary'"),
        ("  task: binary-classification", "  task: multiclass-classification\n  positive: a", 6, "binary tasks only"),
        ("  task: binary-classification", "  task: binary-classification\n  positive: true", 6, "text or a whole number"),
        ("  task: binary-classification", "  task: binary-classification\n  threshold: 1", 6, "less than 1"),
        ("  task: binary-classification", "  task: binary-classification\n  features: [default]", 6, "cannot be a feature"),
        ("  task: binary-classification", "  task: binary-classification\n  features: [a, a]", 6, "stands twice"),
        ("  target: default", "  target: default\n  ignore: [default]", 9, "cannot be ignored"),
        ("  path: models/forest.onnx\n", "", 3, "'path' is missing"),
    ],
)
def test_a_mistake_in_the_required_part_is_named_with_its_line(
    write_project: Write, tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    path = write_project("")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    caught = error(path)
    assert caught.line == line, str(caught)
    assert said in caught.message


def test_brackets_without_end_are_refused(write_project: Write) -> None:
    assert "too deeply" in error(write_project("store: " + "[" * 5000 + "]" * 5000)).message


def test_aliases_of_aliases_are_refused_before_they_fill_the_memory(write_project: Write) -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
    assert "too large" in error(write_project(f"a0: &a0 [x]\n{levels}")).message


@pytest.mark.parametrize("text", ["\n", "\n# only a comment\n", "\n[1, 2]\n", "\nwords\n", "\n42\n"])
def test_a_file_that_is_no_map_is_refused(write_project: Write, text: str) -> None:
    assert "the file must be a map" in error(write_project(text)).message


def test_a_missing_file_says_how_to_write_one(tmp_path: Path) -> None:
    caught = error(tmp_path / "gonogo.yaml")
    assert "no such file" in caught.message
    assert "gonogo init" in caught.hint


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gonogo.yaml").write_bytes(b"\xff\xfe\x00")
    assert "it is not UTF-8" in error(tmp_path / "gonogo.yaml").message


def test_durations_and_shares_are_read_with_their_units() -> None:
    assert [duration(value) for value in (90, 1.5, "10 s", "5min", "12 h", "30 d", "0.5 h")] == [90, 1.5, 10, 300, 43200, 2592000, 1800]
    assert [share(value) for value in (0.95, "95%", "99.5 %")] == [0.95, 0.95, 0.995]


def test_a_channel_is_told_of_what_it_is_for_unless_it_is_said_otherwise(write_project: Write) -> None:
    """Pager for critical, chat for warnings, and info on the dashboard only."""
    text = (
        "monitor:\n  channels:\n    - {channel: slack, options: {url: {env: CHAT}}}\n"
        "    - {channel: pagerduty, name: nights, options: {routing_key: {file: keys/pager}}}\n"
        "    - {channel: log, levels: [info, critical]}\n"
    )
    project = load_project(write_project(text))
    slack, nights, log = project.monitor.channels
    assert slack == ChannelDeclaration("slack", "slack", ("critical", "warning"), {"url": Secret(env="CHAT")})
    assert (nights.name, nights.channel, nights.levels) == ("nights", "pagerduty", ("critical",))
    assert nights.options == {"routing_key": Secret(file=project.root / "keys" / "pager")}
    assert log.levels == ("critical", "info")
    assert "keys/pager" in str(project.to_json()["monitor"])


def test_a_secret_written_into_the_file_is_refused_without_being_repeated(write_project: Write) -> None:
    text = "monitor:\n  channels:\n    - {channel: slack, options: {url: 'https://hooks.example/T0/hush'}}\n"
    with pytest.raises(ProjectFileError) as refused:
        load_project(write_project(text))
    assert "hush" not in str(refused.value)
