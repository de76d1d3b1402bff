"""Data checks against the slow and obvious way to answer the same question, and against themselves on other file formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from gonogo.base.catalogue import load
from gonogo.evidence.check import asked_inputs
from gonogo.evidence.memory import measure


def facts(measurement: Any) -> dict[str, Any]:
    return {name: fact.to_json() for name, fact in measurement.facts.items()}


@pytest.mark.parametrize("seed", range(6))
def test_overlapping_windows_are_those_that_comparing_every_pair_finds(check: Any, table: Any, project: Any, seed: int) -> None:
    random = np.random.default_rng(seed)
    length = float(random.integers(1, 20))
    parts = {
        name: (random.integers(0, 500, size), random.choice(["a", "b", "c"], size))
        for name, size in (("train", 25), ("validation", 15), ("test", 40))
    }
    tables = {name: table(when=list(map(float, when)), who=list(map(str, who))) for name, (when, who) in parts.items()}
    found = check("window_overlap", {"seconds": length}, project=project(group="who"), **tables)
    expected = 0
    for name, before in (("validation", ["train"]), ("test", ["train", "validation"])):
        seen = [(t, g) for title in before for t, g in zip(*parts[title], strict=True)]
        expected += sum(any(g == h and abs(t - s) < length for s, h in seen) for t, g in zip(*parts[name], strict=True))
    assert found.facts["overlapping_windows"].value == expected


@pytest.mark.parametrize("seed", range(4))
def test_every_near_row_is_near_and_none_is_missed_by_far(check: Any, table: Any, bundle: Any, seed: int) -> None:
    random = np.random.default_rng(seed)
    train = random.normal(size=(60, 3))
    test = np.concatenate([train[:20] + random.normal(size=(20, 3)) * 1e-9, random.normal(size=(40, 3))])
    tolerance = 0.5
    columns = [{name: list(rows[:, index]) for index, name in enumerate("xyz")} for rows in (train, test)]
    found = check(
        "near_duplicates", {"tolerance": tolerance}, bundle=bundle(x="float", y="float", z="float"), train=table(**columns[0]),
        test=table(**columns[1]),
    )  # fmt: skip
    apart = np.abs(test[:, None, :] - train[None, :, :]) / train.std(axis=0)
    within = int((apart < tolerance).all(axis=2).any(axis=1).sum())
    assert 20 <= found.facts["near_duplicates"].value <= within


@pytest.mark.parametrize("seed", range(4))
def test_shared_and_doubled_rows_are_those_that_a_set_finds(check: Any, table: Any, bundle: Any, project: Any, seed: int) -> None:
    random = np.random.default_rng(seed)

    def rows(size: int) -> list[tuple[Any, ...]]:
        xs, ts = [None, 0.0, 0.1, 1e300], [None, "", "a", "A"]
        return [(xs[random.integers(4)], ts[random.integers(4)], float(random.integers(2))) for _ in range(size)]

    parts = {"train": rows(12), "test": rows(30)}
    tables = {name: table(**dict(zip("xty", map(list, zip(*part, strict=True)), strict=True))) for name, part in parts.items()}
    model = bundle(x="float?", t="string?")
    shared = check("overlap", project=project(), bundle=model, **tables).facts["shared_rows"].value
    assert shared == sum(row in set(parts["train"]) for row in parts["test"])
    doubled = check("data_quality", project=project(), bundle=model, **tables).facts["duplicate_rows"].value
    assert doubled == 12 - len(set(parts["train"]))


@pytest.mark.parametrize(
    "name",
    ["data_contract", "data_quality", "labels", "leakage", "overlap", "near_duplicates", "temporal_split", "group_overlap", "drift_between",
     "synthetic", "window_overlap"],
)  # fmt: skip
def test_a_table_is_measured_the_same_as_csv_and_as_parquet(tmp_path: Path, bundle: Any, project: Any, name: str) -> None:
    options = {"synthetic": {"flag": "made"}, "window_overlap": {"rows": 5}, "leakage": {"max_rows": 150}}.get(name, {})
    found = []
    for form in ("csv", "parquet"):
        for place, title in enumerate(("train", "validation", "test")):
            sql = (
                f"SELECT TIMESTAMP '2026-01-01' + INTERVAL (range + {place * 300}) MINUTE AS at, hash(range) % 1000 / 7 AS x, "
                f"CASE WHEN range % 7 > 0 THEN 'v' || range % 5 END AS t, range % 9 AS who, range % 11 = 0 AS made, "
                f"(hash(range, {place}) % 3 = 0)::INTEGER AS y FROM range(300)"
            )
            duckdb.sql(f"COPY ({sql}) TO '{tmp_path / title}.{form}'")
        given = {f"{title}_file": tmp_path / f"{title}.{form}" for title in ("train", "validation", "test")}
        given |= {"project": project(time="at", group="who"), "bundle": bundle(x="float", t="string?")}
        own = {asked.name for asked in asked_inputs(load("checks", name))}
        found.append(facts(measure(name, options, **{key: value for key, value in given.items() if key in own})))
    assert found[0] == found[1]
