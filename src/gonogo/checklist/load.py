"""Packs: from YAML to checklists, with a project's overrides applied and visible.

A pack is a folder with `pack.yaml`, `gate.yaml` and, for alarms and reviews of its own, `monitor.yaml` and `reviews.yaml`. The packs of the
product lie in `packs/`; a project may name a folder of its own. A pack that `extends` another starts from its items, roles, phases, form,
alarms and reviews; `change` in its gate.yaml changes items, `sections` adds some. A pack that extends nothing and has no monitor.yaml has
that of the starter pack; its reviews.yaml adds to that of the starter pack, period by period.

Rules, each an error with file, line and column:
  - an item is satisfied by a check or by a sign-off, by exactly one of them;
  - a check's item has at least one requirement, every requirement parses and speaks of facts that the check measures, and none is an
    equality when a confidence is demanded; every option is one that the check knows; a required age has a `max_age` (`demands.py`);
  - ids are unique, checks, roles and phases are known, the checklist is not empty, no pack extends itself;
  - with phases every section has one, without phases none has;
  - an override names an item of the pack, and a mandatory item cannot be declared not applicable.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gonogo.base.yaml_source import Path_, YamlSource, load_yaml
from gonogo.checklist.declarations.overrides import ItemOverride, read_override
from gonogo.checklist.demands import check_ages, check_options, check_requirements, did_you_mean, find_check
from gonogo.checklist.items import AUTHOR, SIGN_OFF_DAYS, Checklist, Item, Pack, Phase, Review
from gonogo.checklist.pack_schema import GATE, MONITOR, PACK
from gonogo.checklist.periods import Period
from gonogo.checklist.project import Project
from gonogo.checklist.read_items import read_items
from gonogo.checklist.reviews import read_reviews
from gonogo.checklist.rules import MonitorPolicy, check_slices, differences, read_rules, with_labels
from gonogo.checklist.shape import check_shape
from gonogo.errors import NotFoundError

PACKS = Path(__file__).parent / "packs"


def bundled_packs() -> list[Pack]:
    """Every pack that comes with the product, by name."""
    return [load_pack(folder.name) for folder in sorted(PACKS.iterdir()) if (folder / "pack.yaml").is_file()]


def load_pack(name_or_path: str | Path, project: Project | None = None) -> Pack:
    """Load a pack by name, or from a folder (relative to the project), and apply the project's overrides.

    Raises NotFoundError for an unknown name, ProjectFileError for a mistake in the pack or in the project's overrides and people.
    """
    folder = _folder(str(name_or_path), project.root if project else Path())
    if folder is None:
        message, hint = _unknown(str(name_or_path))
        if project:
            raise project.source.error(("pack",), message, hint=hint)
        raise NotFoundError(message, hint=hint)
    pack = _load(folder, ())
    return _for_project(pack, project) if project else pack


def _folder(name: str, base: Path) -> Path | None:
    if (PACKS / name / "pack.yaml").is_file() and "/" not in name:
        return PACKS / name
    return base / name if (base / name / "pack.yaml").is_file() else None


def _unknown(name: str) -> tuple[str, str]:
    known = sorted(path.parent.name for path in PACKS.glob("*/pack.yaml"))
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Packs: {', '.join(known)}; or the path of a folder that holds a pack.yaml."
    return f"no pack is called {name!r}, and it is no folder with a pack.yaml.", hint


def _load(folder: Path, below: tuple[Path, ...]) -> Pack:
    """The pack in a folder with all that it extends; `below` are the folders that led here."""
    about, gate = load_yaml(folder / "pack.yaml"), load_yaml(folder / "gate.yaml")
    check_shape(about, PACK)
    check_shape(gate, GATE)
    parent = _parent(about, folder, below)
    roles: dict[str, str] = {**(parent.roles if parent else {}), **about.data.get("roles", {})}
    phases = _phases(gate, parent.gate.phases if parent else ())
    inherited = _changed(gate, parent.gate if parent else None)
    ids = [phase.id for phase in phases]
    items = (*inherited, *read_items(gate, ("sections",), gate.data.get("sections", ()), roles, ids, {item.id for item in inherited}))
    if not items:
        raise gate.error(("sections",), "the checklist is empty, so it would demand nothing.", hint="Add an item.")
    empty = [phase.title for phase in phases if phase.id not in {item.phase for item in items}]
    if empty:
        raise gate.error(("phases",), f"the phase {empty[0]!r} has no item, so it could never pass.", hint="Remove it.")
    checklist = Checklist(
        **{key: gate.data[key] for key in ("id", "title", "version", "date")},
        status="draft" if parent and parent.gate.status == "draft" else gate.data["status"],
        items=items,
        phases=phases,
        sign_off_days=float(gate.data.get("sign_off_days", parent.gate.sign_off_days if parent else SIGN_OFF_DAYS)),
        apart=(*(parent.apart if parent else ()), *_apart(about, roles)),
    )
    form = folder / "form.md"
    return Pack(
        name=about.data["name"],
        title=about.data["title"],
        gate=checklist,
        roles=roles,
        policy_roles=_policy_roles(about, checklist, roles) or (parent.policy_roles if parent else ()),
        extends=about.data.get("extends"),
        claims=gate.data.get("claims", {}),
        form=form.read_text(encoding="utf-8") if form.is_file() else parent.form if parent else "",
        monitor=_monitor(folder, parent),
        reviews=_reviews(folder, parent, checklist, roles),
    )


def _monitor(folder: Path, parent: Pack | None) -> MonitorPolicy:
    """What is watched: what the extended pack watches, as this one changes it."""
    base = parent.monitor if parent else MonitorPolicy()
    base = replace(base, runbooks=(folder / "runbooks", *base.runbooks))
    file = folder / "monitor.yaml"
    if not file.is_file():
        return base if parent else _monitor(PACKS / "starter", None)
    source = load_yaml(file)
    check_shape(source, MONITOR)
    return read_rules(source, (), source.data, base)


def _reviews(folder: Path, parent: Pack | None, gate: Checklist, roles: Mapping[str, str]) -> Mapping[Period, Review]:
    """What is asked of its periods in service: what the extended pack, or else the starter pack, asks, as this one changes it."""
    starter, file = PACKS / "starter" / "reviews.yaml", folder / "reviews.yaml"
    base = parent.reviews if parent else read_reviews(starter, gate, roles, {})
    return read_reviews(file, gate, roles, base) if file.is_file() and file != starter else base


def _parent(about: YamlSource, folder: Path, below: tuple[Path, ...]) -> Pack | None:
    if "extends" not in about.data:
        if "roles" not in about.data:
            raise about.error((), "the key 'roles' is missing.", hint="Add `roles: {ROLE: what it answers for}`.")
        return None
    name = about.data["extends"]
    found = _folder(name, folder)
    if found is None:
        message, hint = _unknown(name)
        raise about.error(("extends",), message, hint=hint)
    chain = (*below, folder.resolve())
    if found.resolve() in chain:
        circle = [path.name for path in (*chain[chain.index(found.resolve()) :], found)]
        raise about.error(("extends",), f"the packs extend each other in a circle: {' → '.join(circle)}.", hint="Remove one `extends`.")
    return _load(found, chain)


def _changed(gate: YamlSource, parent: Checklist | None) -> tuple[Item, ...]:
    """The items of the extended pack as this one changes them."""
    items = {item.id: item for item in parent.items} if parent else {}
    for name, entry in gate.data.get("change", {}).items():
        at: Path_ = ("change", name)
        if name not in items:
            raise gate.error(at, f"the extended pack has no item {name!r}.", hint=did_you_mean(name, list(items)))
        items[name] = _overridden(items[name], read_override(entry), gate, at)
    return tuple(items.values())


def _policy_roles(about: YamlSource, gate: Checklist, roles: Mapping[str, str]) -> tuple[str, ...]:
    """The roles that sign a changed policy: the declared ones, else all whose sign-off a mandatory item asks for."""
    for index, role in enumerate(about.data.get("policy_roles", ())):
        if role not in roles:
            at: Path_ = ("policy_roles", index)
            raise about.error(at, f"the pack has no role {role!r}.", hint=did_you_mean(role, list(roles)))
    asked = dict.fromkeys(item.sign_off for item in gate.items if item.sign_off and item.kind == "mandatory")
    return tuple(about.data.get("policy_roles", asked))


def _apart(about: YamlSource, roles: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    groups = about.data.get("apart", [])
    for row, group in enumerate(groups):
        for index, role in enumerate(group):
            if role not in roles and role != AUTHOR:
                at: Path_ = ("apart", row, index)
                raise about.error(at, f"the pack has no role {role!r}.", hint=did_you_mean(role, [*roles, AUTHOR]))
    return tuple(tuple(group) for group in groups)


def _phases(gate: YamlSource, inherited: tuple[Phase, ...]) -> tuple[Phase, ...]:
    """The phases of the extended pack, then the declared ones."""
    found = list(inherited)
    for index, entry in enumerate(gate.data.get("phases", ())):
        if entry["id"] in [phase.id for phase in found]:
            raise gate.error(("phases", index, "id"), f"two phases are called {entry['id']!r}.", hint="Rename one.")
        found.append(Phase(**entry))
    return tuple(found)


def _for_project(pack: Pack, project: Project) -> Pack:
    """The pack with the project's overrides; what differs is named in `Checklist.overrides`."""
    source = project.source
    known = [item.id for checklist in (pack.gate, *(review.checklist for review in pack.reviews.values())) for item in checklist.items]
    for name in project.items:
        if name not in known:
            raise source.error(("items", name), f"{pack.gate.title} has no item {name!r}.", hint=did_you_mean(name, known))
    for role in project.people:
        if role not in pack.roles:
            raise source.error(("people", role), f"the pack {pack.name} has no role {role!r}.", hint=did_you_mean(role, list(pack.roles)))
    reviews = {name: replace(review, checklist=_as_overridden(review.checklist, project)) for name, review in pack.reviews.items()}
    return replace(pack, gate=_as_overridden(pack.gate, project), reviews=reviews, monitor=_watched(pack.monitor, project))


def _as_overridden(checklist: Checklist, project: Project) -> Checklist:
    overrides = {item.id: project.items[item.id] for item in checklist.items if item.id in project.items}
    items = tuple(
        _overridden(item, overrides[item.id], project.source, ("items", item.id)) if item.id in overrides else item
        for item in checklist.items
    )
    changed = {
        new.id: tuple(key for key in overrides[new.id].keys if getattr(new, key) != getattr(old, key))
        for new, old in zip(items, checklist.items, strict=True)
        if new != old
    }
    told = tuple(
        replace(new, pack_demand=old.demand, reason=overrides[new.id].reason) if new.id in changed else new
        for new, old in zip(items, checklist.items, strict=True)
    )
    return replace(checklist, items=told, overrides=changed)


def _watched(policy: MonitorPolicy, project: Project) -> MonitorPolicy:
    changes, labels = project.monitor.changes, project.monitor.labels
    own = changes.get("rules", ())
    policy = with_labels(policy, labels, own)
    found = read_rules(project.source, ("monitor",), changes, policy)
    check_slices(project.source, ("monitor", "rules"), own, labels.slices)
    left_out = {entry["name"]: entry["leave_out"] for entry in own if "leave_out" in entry}
    return replace(found, overrides=differences(policy, found, left_out))


def _overridden(item: Item, override: ItemOverride, source: YamlSource, at: Path_) -> Item:
    if override.applies is not None and item.kind == "mandatory":
        raise source.error(
            (*at, "applies"), f"{item.id} is mandatory: it always applies.", hint="Meet it, or choose a pack that does not ask for it."
        )
    if override.applies is False and override.keys:
        raise source.error((*at, override.keys[0]), f"{item.id} does not apply and is changed at once.", hint="Keep one of the two.")
    if override.keys and item.check is None:
        raise source.error((*at, override.keys[0]), f"{item.id} is a sign-off; `{override.keys[0]}` belongs to checks.", hint="Remove it.")
    require = item.require if override.require is None else override.require
    confidence = item.confidence if override.confidence is None else override.confidence
    max_age = item.max_age if override.max_age is None else override.max_age
    if override.keys:
        place = (*at, "require") if override.require is not None else (*at, "confidence")
        kind = find_check(source, at, item.id, str(item.check))
        check_requirements(source, place, item.id, require, confidence, kind)
        check_ages(source, place, item.id, require, max_age)
        check_options(source, (*at, "options"), item.id, override.options, kind)
    return replace(
        item,
        require=require,
        confidence=confidence,
        max_age=max_age,
        options={**item.options, **override.options},
    )
