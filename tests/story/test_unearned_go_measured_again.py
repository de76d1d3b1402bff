"""Somebody who wants a GO that was not earned, and has everything measured again: the figures themselves must say no.

The other half is `test_unearned_go.py`, where old figures and old signatures are to be kept for something new.
"""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import onnx
import pytest
from onnx import helper, numpy_helper

import sample
from gonogo.base.clock import FakeClock
from gonogo.errors import GonogoError
from gonogo.operations.check import check
from gonogo.operations.release import release
from gonogo.operations.sign import sign
from gonogo.operations.waive import waive
from gonogo.operations.workspace import Workspace
from gonogo.verdict.outcome import Decision, Outcome
from victim import Victim

pytestmark = [pytest.mark.xdist_group("unearned")]

Attack = Callable[[Victim], None]


def table(victim: Victim, *lines: str, name: str = "test.csv") -> None:
    (victim.folder / name).write_text("\n".join(["amount,city,late", *lines]) + "\n")


def rows(victim: Victim, name: str = "test.csv") -> list[list[str]]:
    return [line.split(",") for line in (victim.folder / name).read_text().splitlines()[1:]]


def write(victim: Victim, changed: list[list[str]], name: str = "test.csv") -> None:
    table(victim, *(",".join(row) for row in changed), name=name)


# -- the tables


def labels_of_one_class(victim: Victim) -> None:
    write(victim, [[amount, city, "1"] for amount, city, _ in rows(victim)])


def labels_that_are_missing(victim: Victim) -> None:
    write(victim, [[amount, city, ""] for amount, city, _ in rows(victim)])


def labels_that_training_never_knew(victim: Victim) -> None:
    write(victim, [[amount, city, "7" if index % 2 else label] for index, (amount, city, label) in enumerate(rows(victim))])


def labels_exchanged(victim: Victim) -> None:
    write(victim, [[amount, city, str(1 - int(label))] for amount, city, label in rows(victim)])


def features_all_missing(victim: Victim) -> None:
    write(victim, [["", city, label] for _, city, label in rows(victim)])


def features_all_nan(victim: Victim) -> None:
    write(victim, [["nan", city, label] for _, city, label in rows(victim)])


def features_infinite(victim: Victim) -> None:
    write(victim, [["inf" if index % 5 == 0 else amount, city, label] for index, (amount, city, label) in enumerate(rows(victim))])


def features_that_are_words(victim: Victim) -> None:
    write(victim, [["much", city, label] for _, city, label in rows(victim)])


def a_column_less(victim: Victim) -> None:
    (victim.folder / "test.csv").write_text("amount,late\n" + "\n".join(f"{amount},{label}" for amount, _, label in rows(victim)))


def a_table_without_rows(victim: Victim) -> None:
    table(victim)


def an_empty_table_file(victim: Victim) -> None:
    (victim.folder / "test.csv").write_bytes(b"")


def a_table_in_another_encoding(victim: Victim) -> None:
    text = (victim.folder / "test.csv").read_text().replace("paris", "münchen")
    (victim.folder / "test.csv").write_bytes(text.encode("utf-16"))


def a_parquet_that_was_cut(victim: Victim) -> None:
    import duckdb

    path = victim.folder / "test.parquet"
    duckdb.sql(f"COPY (SELECT * FROM '{victim.folder / 'test.csv'}') TO '{path}'")
    path.write_bytes(path.read_bytes()[:-20])
    victim.edit("test: test.csv", "test: test.parquet")


def the_training_table_as_test(victim: Victim) -> None:
    shutil.copy(victim.folder / "train.csv", victim.folder / "test.csv")


def ten_easy_rows(victim: Victim) -> None:
    write(victim, [["3.0", "paris", "1"], ["-3.0", "oslo", "0"]] * 5)


# -- the model


def a_model_that_says_the_opposite(victim: Victim) -> None:
    (victim.folder / "model.onnx").write_bytes(sample.model_bytes(-1.5))


def a_model_that_always_says_the_same(victim: Victim) -> None:
    """Its weight is 0, and no city is known to it."""
    graph = onnx.load_from_string(sample.model_bytes(0.0))
    for node in graph.graph.node:
        for attribute in node.attribute:
            if attribute.name == "keys_strings":
                attribute.strings[0] = b"nowhere"
    (victim.folder / "model.onnx").write_bytes(graph.SerializeToString())


def a_model_that_says_nan(victim: Victim) -> None:
    (victim.folder / "model.onnx").write_bytes(sample.model_bytes(broken=True))


def a_model_of_two_minds(victim: Victim) -> None:
    """It adds noise, so that asking again gives another score."""
    graph = onnx.load_from_string(sample.model_bytes())
    noise = helper.make_node("RandomNormalLike", ["sum"], ["noise"], scale=0.2)
    added = helper.make_node("Add", ["sum", "noise"], ["noisy"])
    nodes = list(graph.graph.node)
    at = next(index for index, node in enumerate(nodes) if list(node.output) == ["z"])
    nodes[at].input[0] = "noisy"
    del graph.graph.node[:]
    graph.graph.node.extend([*nodes[:at], noise, added, *nodes[at:]])
    (victim.folder / "model.onnx").write_bytes(graph.SerializeToString())


def a_model_beyond_one(victim: Victim) -> None:
    """The constant 1 in `1 - p` is 2: scores are no probabilities any more."""
    graph = onnx.load_from_string(sample.model_bytes())
    for tensor in graph.graph.initializer:
        if tensor.name == "one":
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * 2, "one"))
    (victim.folder / "model.onnx").write_bytes(graph.SerializeToString())


def a_model_that_was_cut(victim: Victim) -> None:
    data = (victim.folder / "model.onnx").read_bytes()
    (victim.folder / "model.onnx").write_bytes(data[: len(data) // 2])


def no_model(victim: Victim) -> None:
    (victim.folder / "model.onnx").unlink()


def an_empty_model(victim: Victim) -> None:
    (victim.folder / "model.onnx").write_bytes(b"")


def a_folder_as_model(victim: Victim) -> None:
    no_model(victim)
    (victim.folder / "model.onnx").mkdir()


def a_model_that_hangs(victim: Victim) -> None:
    """A pipe that nobody writes to."""
    no_model(victim)
    os.mkfifo(victim.folder / "model.onnx")


def a_pickle_as_model(victim: Victim) -> None:
    (victim.folder / "model.onnx").write_bytes(pickle.dumps({"forest": [1, 2, 3]}))


def a_pickle_behind_the_model(victim: Victim) -> None:
    """A file that is both."""
    data = (victim.folder / "model.onnx").read_bytes()
    (victim.folder / "model.onnx").write_bytes(data + pickle.dumps({"forest": 1}))


# -- what is shipped with it, and what is said of it


def a_secret_in_the_sources(victim: Victim) -> None:
    (victim.folder / "settings.py").write_text('PASSWORD = "' + "hunter2-hunter2-" + '9f8e7d6c"\n')


NO_BUNDLE = (Outcome.ERROR, Outcome.NOT_RUN, Outcome.STALE)
MEASURED: list[tuple[Attack, str, tuple[Outcome, ...], str]] = [
    (labels_of_one_class, "labels-sound", (Outcome.FAIL, Outcome.ERROR), "class"),
    (labels_that_are_missing, "labels-sound", NO_BUNDLE, "is missing in 120 of 120 rows"),
    (labels_that_training_never_knew, "quality", (Outcome.FAIL, Outcome.ERROR), "7"),
    (labels_exchanged, "quality", (Outcome.FAIL,), "roc_auc"),
    (features_all_missing, "quality", (Outcome.FAIL, Outcome.ERROR), ""),
    (features_all_nan, "quality", (Outcome.FAIL, Outcome.ERROR), ""),
    (features_infinite, "quality", (Outcome.ERROR,), "inf"),
    (features_that_are_words, "quality", (Outcome.ERROR,), "amount"),
    (a_column_less, "quality", (Outcome.ERROR,), "city"),
    (a_table_without_rows, "quality", NO_BUNDLE, "rows"),
    (an_empty_table_file, "quality", NO_BUNDLE, "test.csv"),
    (a_table_in_another_encoding, "quality", NO_BUNDLE, "test.csv"),
    (a_parquet_that_was_cut, "quality", NO_BUNDLE, "test.parquet"),
    (the_training_table_as_test, "no-overlap", (Outcome.FAIL,), "shared_share"),
    (ten_easy_rows, "no-overlap", (Outcome.FAIL, Outcome.PASS), ""),
    (a_model_that_says_the_opposite, "quality", (Outcome.FAIL,), "roc_auc"),
    (a_model_that_always_says_the_same, "outputs-valid", (Outcome.FAIL,), "constant"),
    (a_model_that_says_nan, "quality", NO_BUNDLE, "NaN"),
    (a_model_of_two_minds, "features-deterministic", (Outcome.FAIL,), "differing_rows"),
    (a_model_beyond_one, "outputs-valid", (Outcome.FAIL,), "out_of_range"),
    (a_model_that_was_cut, "quality", NO_BUNDLE, "model.onnx"),
    (no_model, "quality", NO_BUNDLE, "model.onnx"),
    (an_empty_model, "quality", NO_BUNDLE, "model.onnx"),
    (a_folder_as_model, "quality", NO_BUNDLE, "model.onnx"),
    (a_model_that_hangs, "quality", NO_BUNDLE, "model.onnx"),
    (a_pickle_as_model, "safe-model-format", NO_BUNDLE, "pickle"),
    (a_pickle_behind_the_model, "safe-model-format", (Outcome.FAIL, *NO_BUNDLE), ""),
    (a_secret_in_the_sources, "no-secrets", (Outcome.FAIL,), "hits"),
]


def not_released(victim: Victim) -> None:
    with pytest.raises(GonogoError):
        release(Workspace.open(victim.folder))
    assert not list((victim.store / "releases").glob("*"))


@pytest.mark.parametrize(("attack", "item", "outcomes", "word"), MEASURED, ids=[attack.__name__ for attack, *_ in MEASURED])
def test_what_is_measured_says_no(victim: Victim, attack: Attack, item: str, outcomes: tuple[Outcome, ...], word: str) -> None:
    attack(victim)
    verdict = check(Workspace.open(victim.folder), only=frozenset({item})).verdict
    assert verdict.decision is Decision.NO_GO
    found = next(result for result in verdict.items if result.item == item)
    assert found.outcome in outcomes
    assert word in " ".join([found.reason, *verdict.notes, str(found.requirements)])
    not_released(victim)


# -- time


def later(victim: Victim, days: int) -> Workspace:
    moment = datetime.now(UTC) + timedelta(days=days)
    return Workspace(Workspace.open(victim.folder).project, FakeClock(moment))


def test_an_approval_is_over_after_its_thirty_days(victim: Victim) -> None:
    verdict = check(later(victim, 31), judge_only=True).verdict
    assert verdict.decision is Decision.NO_GO
    assert {result.item: result.outcome for result in verdict.items}["technical-approval"] is Outcome.STALE
    with pytest.raises(GonogoError):
        release(later(victim, 31))


def test_a_clock_set_back_makes_nothing_young_again(victim: Victim) -> None:
    workspace = Workspace(Workspace.open(victim.folder).project, FakeClock(datetime.now(UTC) - timedelta(days=1)))
    assert check(workspace, judge_only=True).verdict.decision is Decision.NO_GO
    with pytest.raises(GonogoError):
        release(workspace)


# -- between the check and the seal


@pytest.mark.parametrize("name", ["model.onnx", "test.csv", "train.csv"])
def test_a_file_that_is_swapped_after_the_last_check_is_seen_when_it_is_sealed(victim: Victim, name: str) -> None:
    assert check(Workspace.open(victim.folder), judge_only=True).verdict.decision is Decision.GO
    path = victim.folder / name
    before = path.stat()
    changed = sample.model_bytes(1.4) if name == "model.onnx" else path.read_bytes()[:-2] + b"1\n"
    assert len(changed) == before.st_size or name != "model.onnx"
    path.write_bytes(changed if changed != path.read_bytes() else path.read_bytes()[:-2] + b"0\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    not_released(victim)


def test_a_bundle_that_is_swapped_after_the_last_check_is_not_sealed(victim: Victim) -> None:
    [bundle] = [path for path in (victim.store / "bundles").iterdir() if path.is_dir()]
    [model] = bundle.rglob("*.onnx")
    model.chmod(0o644)
    model.write_bytes(sample.model_bytes(1.4))
    verdict = check(Workspace.open(victim.folder), judge_only=True).verdict
    assert (verdict.decision, verdict.subject) == (Decision.NO_GO, None)
    not_released(victim)


# -- exceptions


def test_nobody_can_waive_what_is_mandatory(victim: Victim) -> None:
    labels_exchanged(victim)
    check(Workspace.open(victim.folder), only=frozenset({"quality"}))
    with pytest.raises(GonogoError, match="cannot be waived by anybody"):
        waive(
            Workspace.open(victim.folder),
            "quality",
            "roc_auc > 0.5",
            until="2099-01-01",
            reason="please",
            role="technical-lead",
            key=victim.keys / "ana.key",
        )


def test_a_stranger_cannot_sign_with_a_key_of_their_own(victim: Victim) -> None:
    (victim.folder / "model.onnx").write_bytes(sample.model_bytes(1.4))
    check(Workspace.open(victim.folder))
    with pytest.raises(GonogoError, match="key"):
        sign(Workspace.open(victim.folder), "technical-lead", key=victim.keys / "eve.key")
    not_released(victim)
