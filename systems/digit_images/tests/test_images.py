"""Tables as tensors, and the changes by chance."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from images import read, vary


def test_no_change_leaves_an_image_as_it_is(few):
    generator = torch.Generator().manual_seed(1)
    same = vary(few.ink, generator, degrees=0, zoom=0, shift=0)
    torch.testing.assert_close(same, few.ink, rtol=0, atol=1e-4)


def test_a_change_keeps_shape_and_range_and_is_the_same_for_the_same_seed(few):
    changes = {"degrees": 20, "zoom": 0.2, "shift": 1}
    one, other = (vary(few.ink, torch.Generator().manual_seed(1), **changes) for _ in range(2))
    assert one.shape == few.ink.shape
    assert float(one.min()) >= 0
    assert float(one.max()) <= float(few.ink.max()) + 1e-4
    assert torch.equal(one, other)
    assert not torch.equal(one, vary(few.ink, torch.Generator().manual_seed(2), **changes))


def test_a_missing_table_and_images_of_another_shape_stop_with_words(tmp_path):
    with pytest.raises(SystemExit, match=r"prepare\.py"):
        read(tmp_path / "none.parquet")
    pq.write_table(pa.table({"image": [[[[1.0, 2.0]]]], "digit": [1], "place": [0]}), tmp_path / "small.parquet")
    with pytest.raises(SystemExit, match="images of shape"):
        read(tmp_path / "small.parquet")
    pq.write_table(pa.table({"image": [[[[1.0]]], [[[1.0, 2.0]]]], "digit": [1, 2], "place": [0, 1]}), tmp_path / "ragged.parquet")
    with pytest.raises(SystemExit, match="different shapes"):
        read(tmp_path / "ragged.parquet")
