"""What goes wrong in a user's hands: each a clear error with the exit code of the contract, and nothing lost."""

from __future__ import annotations

import pickle
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

pytestmark = [pytest.mark.xdist_group("story")]


def edit(folder: Path, old: str, new: str) -> None:
    file = folder / "gonogo.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def rewrite(path: Path, select: str) -> None:
    """Replace a Parquet table by a query over itself, called `t`."""
    beside = path.with_suffix(".new.parquet")
    duckdb.sql(f"COPY (WITH t AS (SELECT * FROM '{path}') {select}) TO '{beside}' (FORMAT parquet)")
    beside.replace(path)


def no_project(folder: Path) -> None:
    (folder / "gonogo.yaml").unlink()


def tab(folder: Path) -> None:
    edit(folder, "system: late-arrivals", "system:\tlate-arrivals\n\tpack: x")


def misspelt(folder: Path) -> None:
    edit(folder, "  target: late", "  tarket: late")


def twice(folder: Path) -> None:
    edit(folder, "system: late-arrivals", "system: late-arrivals\nsystem: other")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_project, ["gonogo.yaml", "no such file", "gonogo init"]),
        (tab, ["gonogo.yaml:1:"]),
        (misspelt, ["gonogo.yaml:", "tarket", "Did you mean 'target'?"]),
        (twice, ["gonogo.yaml:2:1", "twice"]),
    ],
)
def test_a_project_file_that_cannot_be_read_is_wrong_use_with_line_column_and_a_hint(
    user, spoil: Callable[[Path], None], words: list[str]
) -> None:
    spoil(user.folder)
    done = user.gonogo("check", expect=2)
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr


def missing_model(folder: Path) -> None:
    (folder / "models" / "forest.onnx").unlink()


def truncated_model(folder: Path) -> None:
    path = folder / "models" / "forest.onnx"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])


def pickled_model(folder: Path) -> None:
    (folder / "models" / "forest.onnx").write_bytes(pickle.dumps({"forest": 1}))


def missing_table(folder: Path) -> None:
    (folder / "data" / "test.parquet").unlink()


def no_target(folder: Path) -> None:
    rewrite(folder / "data" / "test.parquet", "SELECT * EXCLUDE late FROM t")


def no_rows(folder: Path) -> None:
    rewrite(folder / "data" / "test.parquet", "SELECT * FROM t LIMIT 0")


def one_class(folder: Path) -> None:
    rewrite(folder / "data" / "test.parquet", "SELECT * FROM t WHERE late = 0 LIMIT 2000")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (missing_model, ["forest.onnx", "not there"]),
        (truncated_model, ["forest.onnx"]),
        (pickled_model, ["forest.onnx", "pickle"]),
        (missing_table, ["test.parquet", "not there"]),
        (no_target, ["late"]),
        (no_rows, ["test.parquet", "no rows"]),
        (one_class, ["one class"]),
    ],
)
def test_a_spoiled_model_or_table_is_a_no_go_that_names_it(user, spoil: Callable[[Path], None], words: list[str]) -> None:
    spoil(user.folder)
    done = user.gonogo("check", expect=None)
    said = " ".join((done.stdout + done.stderr).split())  # however long the path is at which lines are broken
    assert done.returncode in (1, 2)
    assert "Traceback" not in said
    for word in words:
        assert word in said, said
    refused = user.gonogo("release", expect=None)
    assert refused.returncode in (1, 2)
    assert not list((user.folder / ".gonogo" / "releases").glob("late*"))


def test_a_release_does_not_verify_with_another_key(released, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    released.gonogo("key", "new", "eve")
    done = released.gonogo("verify", ".gonogo/releases/late-arrivals-1.0.0", "--key", "keys/eve.pub", expect=1)
    assert "key" in done.stderr


def test_nobody_signs_in_a_role_that_is_somebody_elses(user) -> None:
    user.gonogo("check", expect=1)
    user.gonogo("key", "new", "eve")
    done = user.gonogo("sign", "technical-lead", "--key", str(user.keys / "eve.key"), expect=2)
    assert "technical-lead" in done.stderr
    done = user.gonogo("sign", "nurse", expect=2)
    assert "nurse" in done.stderr


def test_nobody_approves_what_has_not_been_measured(user) -> None:
    refused = user.gonogo("sign", "technical-lead", expect=1)
    assert "gonogo check" in refused.stderr
    assert "sign_off" not in user.gonogo("log").stdout


def test_shipping_again_without_a_change_is_refused_with_the_reason(released, service) -> None:
    refused = released.gonogo("ship", expect=1)
    assert "in production already" in refused.stderr


@pytest.mark.parametrize("option", ["--port", "--dashboard"])
def test_a_port_in_use_is_said_with_the_port_and_the_option_before_anything_is_served(released, option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = released.gonogo("serve", "late-arrivals@1.0.0", "--port", "0", option, port, expect=2)
    assert port in done.stderr
    assert option in done.stderr
    assert released.json("status")["production"] is None


def test_an_unknown_verb_and_an_unknown_item_come_with_a_suggestion(user) -> None:
    assert "Did you mean 'check'?" in user.gonogo("chekc", expect=2).stderr
    user.gonogo("explain", "no-such-item", expect=2)
    user.gonogo("check", "--only", "no-such-item", expect=2)


@pytest.mark.parametrize("words", [("--help",), ("check", "--help"), ("rollout", "start", "--help")])
def test_help_needs_none_of_the_heavy_libraries(words: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom gonogo.cli import main\n"
        f"try:\n    main(args={list(words)!r})\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'onnxruntime', 'duckdb', 'cryptography', 'sqlite3', 'jinja2', 'yaml', 'msgspec', 'uvloop'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_default_install_has_no_heavy_framework() -> None:
    from importlib.metadata import requires

    default = [line for line in requires("gonogo") or [] if "extra ==" not in line]
    names = {line.split(">")[0].split("=")[0].split(";")[0].strip().lower() for line in default}
    assert not names & {"torch", "tensorflow", "ray", "pandas", "pyarrow", "scikit-learn", "shap", "scipy"}
    assert "onnxruntime" in names
