"""Directories that are published whole or not at all."""

import pytest

from gonogo.base.files import draft_directory, publish_directory
from gonogo.errors import StorageError


def test_a_place_that_was_taken_meanwhile_is_left_as_it_is_and_no_disk_is_blamed(tmp_path):
    final = tmp_path / "small-1.0.0"
    with draft_directory(final) as draft:
        (draft / "mine").touch()
        final.mkdir()
        (final / "theirs").touch()
        with pytest.raises(StorageError, match="is there already") as refused:
            publish_directory(draft, final)
    assert "repeat yours" in str(refused.value.hint)
    assert [path.name for path in final.iterdir()] == ["theirs"]
    assert [path.name for path in tmp_path.iterdir()] == ["small-1.0.0"]
