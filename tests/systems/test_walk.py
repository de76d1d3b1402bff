"""A walk begins only where its service can stand."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "systems"))

import walk


@pytest.mark.parametrize("beside", [0, 1])
def test_a_walk_whose_ports_are_taken_says_so_and_touches_nothing_of_the_one_before(tmp_path, monkeypatch, beside: int) -> None:
    kept = tmp_path / "late_arrivals" / "kept.txt"
    kept.parent.mkdir()
    kept.write_text("of the walk before")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(walk, "PORT", port - beside)
        with pytest.raises(walk.StoryError, match=r"on port \d+ already: .* DEMO_PORT"):
            walk.Walk("late_arrivals", work=tmp_path).prepare()
    assert kept.read_text() == "of the walk before"
