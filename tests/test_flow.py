"""The law of the house: a room imports only rooms that stand above it in `gonogo.flow.ROOMS`."""

from __future__ import annotations

import ast
from pathlib import Path

from gonogo import flow

PACKAGE = Path(flow.__file__).parent


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Every room a module imports, also inside functions and under TYPE_CHECKING."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute, so that the room can be read"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "gonogo" and len(parts) > 1 and parts[1] in {room.name for room in flow.ROOMS}:
                rooms.add(parts[1])
    return rooms


def modules() -> list[Path]:
    return [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]


def test_every_room_of_the_flow_exists_and_every_folder_is_a_room() -> None:
    here = {room_of(path) for path in modules()} - {"__main__"}
    assert here == {room.name for room in flow.ROOMS}


def test_a_room_imports_only_rooms_above_it() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {room}"
        for path in modules()
        if path != PACKAGE / "__main__.py"
        for room in imported_rooms(path)
        if flow.rank(room) > flow.rank(room_of(path))
    ]
    assert wrong == []


def test_the_import_test_can_fail(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("def f():\n    from gonogo.rollout import run\n", encoding="utf-8")
    assert imported_rooms(bad) == {"rollout"}


def test_the_nine_stages_stand_in_the_order_of_the_flow() -> None:
    assert [room.name for room in flow.STAGES] == [
        "checklist", "evidence", "verdict", "candidate", "release", "registry", "service", "rollout", "monitor",
    ]  # fmt: skip


def test_the_map_in_the_documents_is_the_one_in_the_code() -> None:
    from click.testing import CliRunner

    from gonogo.cli import main

    root = Path(__file__).resolve().parents[1]
    printed = CliRunner().invoke(main, ["flow", "--markdown"]).output
    assert (root / "docs" / "map.md").read_text(encoding="utf-8") == printed
