from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import sample
from gonogo import settings
from gonogo.base.clock import FakeClock
from gonogo.operations.check import check
from gonogo.verdict.outcome import Decision
from team import Team, make
from trained_again import STRONG, TRAIN, WEAK


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("team")
    make(base)
    return base


@pytest.fixture(scope="session")
def approved(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("approved") / "all"
    shutil.copytree(made, base)
    team = Team(base / "project", base / "keys")
    team.sign("lead", "ana")
    team.sign("owner", "ben")
    assert team.decision() is Decision.GO
    return base


@pytest.fixture
def measured(made: Path, tmp_path: Path) -> Team:
    """Measured; nobody has signed anything."""
    shutil.copytree(made, tmp_path / "all")
    return Team(tmp_path / "all" / "project", tmp_path / "all" / "keys")


@pytest.fixture
def team(approved: Path, tmp_path: Path) -> Team:
    """A GO, under a policy that ana pinned and that ben signed under."""
    shutil.copytree(approved, tmp_path / "all")
    return Team(tmp_path / "all" / "project", tmp_path / "all" / "keys")


@pytest.fixture
def own_keys(team: Team, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everybody's private keys lie on this machine."""
    monkeypatch.setenv("GONOGO_KEYS", str(team.keys))
    return Path(settings.text("keys"))


@pytest.fixture(scope="session")
def put_live(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose first release, a weak one, is in production."""
    base = tmp_path_factory.mktemp("live") / "all"
    shutil.copytree(made, base)
    team = Team(base / "project", base / "keys")
    (team.folder / "model.onnx").write_bytes(sample.model_bytes(WEAK))
    check(team.workspace())
    team.put_live()
    return base


@pytest.fixture
def live(put_live: Path, tmp_path: Path) -> Team:
    shutil.copytree(put_live, tmp_path / "all")
    team = Team(tmp_path / "all" / "project", tmp_path / "all" / "keys", FakeClock(datetime.now(UTC)))
    (team.folder / "train.py").write_text(TRAIN)
    (team.folder / "next.onnx").write_bytes(sample.model_bytes(STRONG))
    team.edit("people:", f"code: {{train: {sys.executable} train.py, paths: [train.py]}}\npeople:")
    return team
