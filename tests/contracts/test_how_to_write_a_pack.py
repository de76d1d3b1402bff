"""The page on writing a pack is true: its packs load, lint clean and do what it says; its tables name every key there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gonogo.checklist.items import Pack
from gonogo.checklist.load import load_pack
from gonogo.checklist.pack_schema import GATE, ITEM, PACK
from gonogo.operations.packs import lint_packs

PAGE = (Path(__file__).parents[2] / "docs" / "how-to-write-a-pack.md").read_text(encoding="utf-8")


def keys(heading: str) -> set[str]:
    """The keys in the first column of the table below a heading."""
    table = PAGE.split(f"## {heading}\n", 1)[1].split("|---|---|\n", 1)[1].split("\n\n", 1)[0]
    return {key for row in table.splitlines() for key in re.findall(r"`(\w+)`", row.split("|")[1])}


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """The page's packs, each in a folder as its reader would write it."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 4
    made = []
    for number in (0, 2):
        folder = tmp_path / f"pack-{number}"
        folder.mkdir()
        (folder / "pack.yaml").write_text(blocks[number])
        (folder / "gate.yaml").write_text(blocks[number + 1])
        made.append(folder)
    return made


def test_the_packs_of_the_page_load_and_have_no_contradiction(folders: list[Path]) -> None:
    assert {name: list(findings) for name, findings in lint_packs(tuple(str(folder) for folder in folders)).items()} == {
        str(folder): [] for folder in folders
    }


def test_the_extending_pack_changes_what_it_says_and_keeps_the_rest(folders: list[Path]) -> None:
    starter, ours = load_pack("starter"), load_pack(folders[1])
    assert ours.gate.item("quality").require == ("roc_auc > 0.85",)
    assert {item.id for item in ours.gate.items} == {item.id for item in starter.gate.items} | {"reproducible"}
    assert ours.roles == starter.roles


def test_the_first_pack_has_all_that_the_page_gives_it(folders: list[Path]) -> None:
    pack: Pack = load_pack(folders[0])
    item = pack.gate.item("ranks-well")
    assert (item.weight, item.ml_test, item.words["FAIL"], item.runbook) == (100, (18,), "not certified", "runbook#quality")
    assert not pack.gate.item("slices-fair").waivable
    assert [phase.id for phase in pack.gate.phases] == ["measured", "approved"]
    assert pack.policy_roles == ("owner",)


def test_every_key_is_on_the_page() -> None:
    assert keys("What an item says") == set(ITEM["properties"])
    assert keys("What the checklist says") == set(GATE["properties"])
    assert keys("What the pack says") == set(PACK["properties"])
