from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest


def load_sample() -> ModuleType:
    """`sample.py` beside this file; tests are no packages, so it is loaded by its path."""
    name = "gonogo_release_sample"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("sample.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def sample() -> ModuleType:
    return load_sample()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with its bundle and its release, made once; never changed by a test."""
    folder = tmp_path_factory.mktemp("built")
    module = load_sample()
    project = module.write_project(folder / "project")
    bundle = module.build(project, folder / "bundles")
    module.sealable(bundle, folder / "keys").seal(folder / "releases")
    return folder


@pytest.fixture
def release(built: Path, tmp_path: Path) -> Path:
    """A copy of the release that a test may harm."""
    shutil.copytree(built / "releases" / "small-1.0.0", tmp_path / "copy")
    return tmp_path / "copy"
