"""The split of the digits by filled-in form."""

from __future__ import annotations

import gzip

import numpy as np
import pyarrow.parquet as pq
import pytest

import prepare
from prepare import FORM_STARTS, IMAGES, NEAREST, PARTS


@pytest.fixture(scope="module")
def digits():
    return prepare.read(prepare.package_file())


def test_every_form_begins_by_counting_up_and_holds_the_same_hundred_digits(digits):
    _, labels = digits
    for start, end in zip(FORM_STARTS, FORM_STARTS[1:], strict=False):
        form = "".join(map(str, labels[start:end]))
        assert form.startswith(("0123456789", "123456789"))
        assert form.count("95565098984177351") == 1
        assert 120 <= len(form) <= 130
        assert form.endswith(("90898", "90893", "84908"))


def test_every_form_lies_in_exactly_one_table_whole(digits):
    images, labels = digits
    form = prepare.forms(len(images))
    assert sorted(number for chosen in PARTS.values() for number in chosen) == sorted(set(form)) == list(range(14))
    sizes = {name: int(np.isin(form, list(chosen)).sum()) for name, chosen in PARTS.items()}
    assert sizes == {"train": 1029, "validation": 258, "test": 380, "live": 130}
    for chosen in PARTS.values():
        assert set(labels[np.isin(form, list(chosen))]) == set(range(10))


def test_no_image_of_a_table_is_nearly_one_of_another(digits):
    images, _ = digits
    assert prepare.nearest_between(images, prepare.forms(len(images)) // 8) > NEAREST


def test_a_copy_between_two_tables_is_found(digits):
    images = digits[0][:10].copy()
    images[7] = images[2] + 0.5
    parts = np.array([0] * 5 + [1] * 5)
    assert prepare.nearest_between(images, parts) == pytest.approx(4.0)
    assert prepare.nearest_between(images, np.zeros(10)) == float("inf")


def test_a_file_that_is_not_the_digits_is_refused(tmp_path):
    path = tmp_path / "digits.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write("1,2,3\n" * IMAGES)
    with pytest.raises(SystemExit, match="not 1797 of 65"):
        prepare.read(path)
    with gzip.open(path, "wt") as file:
        file.write((",".join(["17"] * 64) + ",0\n") * IMAGES)
    with pytest.raises(SystemExit, match="not the digits"):
        prepare.read(path)


def test_a_package_that_is_not_there_is_said_in_words(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="pip install -r requirements.lock"):
        prepare.package_file()


def test_a_table_holds_images_as_they_are(digits, tmp_path):
    images, labels = digits
    chosen = np.arange(IMAGES) < 3
    pq.write_table(prepare.table(images, labels, prepare.forms(IMAGES), chosen), tmp_path / "few.parquet")
    found = pq.read_table(tmp_path / "few.parquet").to_pydict()
    assert np.asarray(found["image"], dtype=np.float32).shape == (3, 1, 8, 8)
    np.testing.assert_array_equal(np.asarray(found["image"], dtype=np.float32), images[:3])
    assert (found["digit"], found["form"], found["place"]) == ([0, 1, 2], [0, 0, 0], [0, 1, 2])
