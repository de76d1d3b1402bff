"""What the driver's program says of processes. There is no accelerator here, so a stand-in says what nvidia-smi would."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from gonogo.service.supervising.devices import Devices, read_held


def test_a_process_on_two_accelerators_holds_both() -> None:
    assert read_held("4711, 1024\n4712, 3\n\n4711, 2\n") == {4711: 1026 << 20, 4712: 3 << 20}


@pytest.mark.parametrize("said", ["4711, [N/A]\n", "no devices were found\n", "4711\n"])
def test_a_line_that_is_none_is_no_figure(said: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        read_held(said)


def stand_in(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Devices:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return Devices()


def told(devices: Devices, pid: int, seconds: float = 20.0) -> int | None:
    end = time.monotonic() + seconds
    while (held := devices.held(pid)) is None and time.monotonic() < end:
        time.sleep(0.02)
    return held


def test_what_the_driver_says_is_told_and_a_process_that_it_does_not_name_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = stand_in(tmp_path, "echo '4711, 512'", monkeypatch)
    assert told(devices, 4711) == 512 << 20
    assert devices.held(4712) == 0


def test_a_driver_that_fails_leaves_it_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = stand_in(tmp_path, "echo 'the driver is gone' >&2; exit 9", monkeypatch)
    assert told(devices, 4711, 0.5) is None


def test_a_machine_without_the_program_has_no_accelerator_that_could_be_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Devices().held(4711) == 0
