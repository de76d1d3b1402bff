"""How much of the training table is made up, and what its audit found."""

from __future__ import annotations

from typing import Any

import pytest

from gonogo.errors import DataError, UsageError
from gonogo.evidence.record import Measurement
from measured import values

OPTIONS = {"flag": "made", "truth": "audited"}


def synthetic(check: Any, table: Any, project: Any, options: dict[str, str] = OPTIONS, **train: Any) -> Measurement:
    measurement: Measurement = check("synthetic", options, project=project(), train=table(**train), test=table(y=[0]))
    return measurement


def test_the_ratio_and_the_noise_of_what_was_audited(check: Any, table: Any, project: Any) -> None:
    found = synthetic(
        check, table, project, made=[0, 0, 1, 1, 1], y=[0, 1, 0, 1, 1], audited=[1, None, 0, 0, None]
    )  # fmt: skip
    facts = values(found)
    assert facts == {"synthetic_rows": 3, "real_rows": 2, "synthetic_ratio": 1.5, "audited_rows": 2, "label_noise": 0.5}
    assert found.facts["label_noise"].n == 2
    assert found.facts["label_noise"].high > 0.9
    assert found.findings == ("50.0% of 2 audited synthetic rows have a wrong label",)


def test_an_audited_row_without_a_label_is_wrong(check: Any, table: Any, project: Any) -> None:
    facts = values(synthetic(check, table, project, made=[0, 1], y=[0, None], audited=[None, 1]))
    assert facts["label_noise"] == 1.0


def test_without_an_audit_nothing_is_said_about_noise(check: Any, table: Any, project: Any) -> None:
    nobody_looked = values(synthetic(check, table, project, made=[0, 1], y=[0, 1], audited=[0, None]))
    assert nobody_looked["audited_rows"] == 0
    assert "label_noise" not in nobody_looked
    assert "label_noise" not in values(synthetic(check, table, project, {"flag": "made"}, made=[0, 1], y=[0, 1]))


def test_a_table_of_real_rows_brings_no_noise_in(check: Any, table: Any, project: Any) -> None:
    facts = values(synthetic(check, table, project, made=[0, 0], y=[0, 1], audited=[None, None]))
    assert facts == {"synthetic_rows": 0, "real_rows": 2, "synthetic_ratio": 0.0, "audited_rows": 0, "label_noise": 0.0}


def test_synthetic_test_rows_are_counted(check: Any, table: Any, project: Any) -> None:
    train, test = table(made=[0, 1], y=[0, 1]), table(made=[0, 1, 1], y=[0, 1, 1])
    assert values(check("synthetic", {"flag": "made"}, project=project(), train=train, test=test))["synthetic_test_rows"] == 2


@pytest.mark.parametrize(
    ("made", "says"),
    [([1, 1], "every row is synthetic"), ([0, None], "do not say"), ([0, 2], "do not say"), (["yes", "no"], "holds text"),
     ([None, None], "do not say")],
)  # fmt: skip
def test_a_flag_that_does_not_tell_is_an_error(check: Any, table: Any, project: Any, made: list[Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        synthetic(check, table, project, made=made, y=[0, 1], audited=[0, 1])


def test_labels_of_another_type_than_the_audit_are_an_error(check: Any, table: Any, project: Any) -> None:
    with pytest.raises(DataError, match="different types"):
        synthetic(check, table, project, made=[0, 1], y=[0, 1], audited=["0", "1"])


def test_the_flag_must_be_named_and_be_there(check: Any, table: Any, project: Any) -> None:
    with pytest.raises(UsageError, match="option `flag`"):
        synthetic(check, table, project, {}, y=[0, 1])
    with pytest.raises(DataError, match="no column 'made'"):
        synthetic(check, table, project, {"flag": "made"}, y=[0, 1])
