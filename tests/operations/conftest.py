from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gonogo import settings
from gonogo.verdict.outcome import Decision
from team import Team, make


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
