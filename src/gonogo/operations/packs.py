"""`gonogo packs lint`: every contradiction of the named packs; a pack that cannot be loaded is one itself."""

from __future__ import annotations

from collections.abc import Sequence

from gonogo.checklist.false_alarms import lint_rules
from gonogo.checklist.lint import lint
from gonogo.checklist.load import bundled_packs, load_pack
from gonogo.errors import ProjectFileError


def lint_packs(names: Sequence[str] = ()) -> dict[str, tuple[str, ...]]:
    """Findings by pack, in words; those of all ready-made packs when none is named. Raises NotFoundError for what is no pack at all."""
    found: dict[str, tuple[str, ...]] = {}
    for name in names or [pack.name for pack in bundled_packs()]:
        try:
            pack = load_pack(name)
        except ProjectFileError as error:
            found[name] = (str(error),)
            continue
        found[name] = tuple(str(finding) for finding in (*lint(pack.gate, pack.claims), *lint_rules(pack.monitor)))
    return found
