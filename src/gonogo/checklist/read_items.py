"""Items out of a checklist's sections: of a gate (`gate.yaml`) and of reviews (`reviews.yaml`). The rules are those of `load.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gonogo.base.yaml_source import Path_, YamlSource
from gonogo.checklist.demands import check_ages, check_options, check_requirements, did_you_mean, find_check
from gonogo.checklist.items import Item
from gonogo.checklist.quantities import duration, share


def read_items(
    source: YamlSource, at: Path_, sections: Any, roles: Mapping[str, str], phases: list[str], taken: set[str]
) -> Iterator[Item]:
    """The items of `sections`, which stand at `at`. `taken` are the names that they cannot have. Raises ProjectFileError."""
    seen = set(taken)
    for section_index, section in enumerate(sections):
        _check_phase(source, (*at, section_index), section, phases)
        for index, entry in enumerate(section["items"]):
            where: Path_ = (*at, section_index, "items", index)
            if entry["id"] in seen:
                raise source.error((*where, "id"), f"two items are called {entry['id']!r}.", hint="Rename one.")
            seen.add(entry["id"])
            yield _item(source, where, section, entry, roles)


def _check_phase(gate: YamlSource, at: Path_, section: Mapping[str, Any], phases: list[str]) -> None:
    phase = section.get("phase")
    if phases and phase is None:
        raise gate.error(at, f"the section {section['title']!r} has no phase.", hint=f"Add `phase: {phases[0]}`.")
    if phase is not None and phase not in phases:
        raise gate.error((*at, "phase"), f"no phase is called {phase!r}.", hint=did_you_mean(phase, phases))


def _item(gate: YamlSource, at: Path_, section: Mapping[str, Any], entry: Mapping[str, Any], roles: Mapping[str, str]) -> Item:
    name = entry["id"]
    check, role = entry.get("check"), entry.get("sign_off")
    if (check is None) == (role is None):
        both = "both a check and a sign_off" if check else "neither a check nor a sign_off"
        raise gate.error(at, f"{name} has {both}.", hint="An item is satisfied by exactly one of them.")
    if role is not None and role not in roles:
        raise gate.error((*at, "sign_off"), f"{name}: the pack has no role {role!r}.", hint=did_you_mean(role, list(roles)))
    for key in ("options", "require", "confidence", "max_age"):
        if role is not None and key in entry:
            raise gate.error((*at, key), f"{name}: `{key}` belongs to items with a check.", hint="Remove it.")
    require = _listed(entry.get("require", ()))
    confidence = share(entry["confidence"]) if "confidence" in entry else None
    max_age = duration(entry["max_age"]) if "max_age" in entry else None
    if check is not None:
        kind = find_check(gate, (*at, "check"), name, check)
        check_requirements(gate, (*at, "require"), name, require, confidence, kind)
        check_ages(gate, (*at, "require"), name, require, max_age)
        check_options(gate, (*at, "options"), name, entry.get("options", {}), kind)
    return Item(
        id=name,
        section=section["title"],
        statement=entry["statement"],
        kind=entry.get("kind", "mandatory"),
        check=check,
        options=dict(entry.get("options", {})),
        require=require,
        confidence=confidence,
        max_age=max_age,
        sign_off=role,
        why=entry.get("why", ""),
        remedy=entry.get("remedy", ""),
        rows=tuple(entry.get("rows", ())),
        weight=float(entry.get("weight", 0.0)),
        ml_test=tuple(entry.get("ml_test", ())),
        waivable=entry.get("waivable", True),
        words=dict(entry.get("words", {})),
        phase=section.get("phase", ""),
        runbook=entry.get("runbook", ""),
    )


def _listed(require: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (require,) if isinstance(require, str) else tuple(require)
