"""A release runs with the packages of its lock: those installed here where they are the same, a layer of its own where they are not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import gonogo
import sample
from gonogo.base.names import Version
from gonogo.errors import ConflictError, FaultError
from gonogo.release.contents import Bundle
from gonogo.release.environment import make_environment
from gonogo.service.supervising.environments import differences, interpreter_for
from supervised import OLD, serving

HERE = make_environment(None)
OTHER = "24.1" if metadata.version("packaging") != "24.1" else "24.2"  # another version than the one that is installed


def with_packaging(version: str) -> str:
    return HERE.replace(f"packaging=={metadata.version('packaging')}", f"packaging=={version}")


def ask(python: str, code: str) -> str:
    return subprocess.run([python, "-P", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_a_release_of_this_environment_runs_in_it(tmp_path: Path) -> None:
    assert not differences(HERE)
    assert interpreter_for("a@1.0.0", HERE, tmp_path) == sys.executable
    assert not list(tmp_path.iterdir())


def test_the_projects_own_lock_and_gonogos_version_are_no_difference() -> None:
    ours = metadata.version("gonogo")
    assert not differences(HERE.replace(f"gonogo=={ours}", "gonogo==0.0.1") + "\n# the project's own lock, word for word\npackaging==1.0\n")


def test_every_package_that_differs_is_named() -> None:
    apart = differences(with_packaging(OTHER) + "a-package-that-is-nowhere==1.0\n")
    assert dict(apart.packages) == {"packaging": (OTHER, metadata.version("packaging")), "a-package-that-is-nowhere": ("1.0", "")}


def test_a_release_of_another_python_is_refused(tmp_path: Path) -> None:
    lock = HERE.replace("# python 3.", "# python 2.")
    with pytest.raises(ConflictError, match=r"made with Python 2\."):
        interpreter_for("a@1.0.0", lock, tmp_path)


def test_a_package_that_cannot_be_had_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FaultError, match="cannot be built"):
        interpreter_for("a@1.0.0", HERE + "a-package-that-is-nowhere==1.0\n", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_layer_has_the_other_version_and_everything_else_from_here(tmp_path: Path) -> None:
    python = interpreter_for("a@1.0.0", with_packaging(OTHER), tmp_path)
    seen = json.loads(
        ask(
            python,
            "import json, packaging, numpy, gonogo.service.worker; from importlib import metadata;"
            "print(json.dumps([metadata.version('packaging'), packaging.__version__, numpy.__version__]))",
        )
    )
    assert seen == [OTHER, OTHER, metadata.version("numpy")]
    assert ask(sys.executable, "import packaging; print(packaging.__version__)") == metadata.version("packaging")
    made = Path(python).stat().st_ino
    assert interpreter_for("b@1.0.0", with_packaging(OTHER), tmp_path) == python  # made once, for whoever needs the same
    assert Path(python).stat().st_ino == made


def test_a_release_is_served_by_processes_of_its_own_environment(tmp_path: Path, sealed: Path) -> None:
    lies = tmp_path / "bundle"
    shutil.copytree(sealed / "releases" / OLD.replace("@", "-") / "bundle", lies)
    lock = lies / "environment.lock"
    lock.chmod(0o644)
    lock.write_text(lock.read_text().replace(f"packaging=={metadata.version('packaging')}", f"packaging=={OTHER}"))
    shutil.copytree(sealed / "keys", tmp_path / "sealed" / "keys")
    sample.sealable(Bundle.open(lies), tmp_path / "sealed" / "keys").seal(tmp_path / "sealed" / "releases", version=Version(1, 0, 0))
    with serving(tmp_path / "store", tmp_path / "sealed") as service:
        service.start(OLD)
        [pid] = service.client.observe()["releases"][OLD]["pids"]
        python = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
        assert Path(python).is_relative_to(tmp_path / "store" / "service" / "environments")
        assert ask(python, "import packaging; print(packaging.__version__)") == OTHER
        with gonogo.Client(service.url) as client:
            assert client.predict([{"amount": 0.25, "city": "paris"}])[0].release == OLD
