"""What changed between two sealed releases: the model, its features and settings, its packages, what was demanded and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gonogo.base.canonical import parse_json
from gonogo.evidence.record import Fact
from gonogo.release.contents import ENVIRONMENT, RUN
from gonogo.release.verify import VerifiedRelease


def release_changes(old: VerifiedRelease, new: VerifiedRelease) -> dict[str, Any]:
    """Groups of changes, each `{what, before, after}` with None for what is not there; and `figures`, measured facts that differ.

    Figures whose intervals overlap are said to be `within` them, and come last: they prove no change. One that several items measured
    stands there once, with its `items`."""
    groups = {
        "model": _differing(_model(old), _model(new)),
        "features": _differing(_features(old), _features(new)),
        "settings of training": _differing(_run(old), _run(new)),
        "packages": _differing(_packages(old), _packages(new)),
        "checklist": _differing(_demands(old), _demands(new)),
        "results": _differing(_results(old), _results(new)),
        "signed by": _differing(_people(old), _people(new)),
    }
    return {"old": old.ref, "new": new.ref, "groups": {name: rows for name, rows in groups.items() if rows}, "figures": _figures(old, new)}


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> list[dict[str, str | None]]:
    return [
        {"what": name, "before": before.get(name), "after": after.get(name)}
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    ]


def _model(release: VerifiedRelease) -> dict[str, str]:
    about = release.bundle.manifest["model"]
    size = next((file.size for file in release.bundle.tree.files if file.path == about["path"]), 0)
    return {"bytes": str(about["sha256"])[:16] + "…", "format": str(about["format"]), "size": f"{size / 1e6:.2f} MB"}


def _features(release: VerifiedRelease) -> dict[str, str]:
    return {feature.name: feature.kind for feature in release.bundle.schema.features}


def _run(release: VerifiedRelease) -> dict[str, str]:
    """Parameters and metrics of the run record, where there is one."""
    if not any(file.path == RUN for file in release.bundle.tree.files):
        return {}
    record = parse_json(release.bundle.tree.read(release.bundle.root, RUN))
    told = {str(name): str(value) for name, value in (record.get("params") or {}).items()}
    return told | {f"data: {name}": str(data.get("digest", ""))[:23] + "…" for name, data in (record.get("data") or {}).items()}


def _packages(release: VerifiedRelease) -> dict[str, str]:
    lines = release.bundle.tree.read(release.bundle.root, ENVIRONMENT).decode("utf-8", "replace").splitlines()
    pinned = [line.partition("==") for line in lines if "==" in line]
    python = next((line.removeprefix("# python ") for line in lines if line.startswith("# python ")), "")
    return {"python": python} | {name.strip(): version.split()[0] for name, _, version in pinned if version.split()}


def _demands(release: VerifiedRelease) -> dict[str, str]:
    checklist = release.statements.checklist
    return {"title": f"{checklist.title} {checklist.version}"} | {item.id: "; ".join(item.require) or item.kind for item in checklist.items}


def _results(release: VerifiedRelease) -> dict[str, str]:
    return {result.item: str(result.outcome) for result in release.statements.verdict.items}


def _people(release: VerifiedRelease) -> dict[str, str]:
    return {one.role: f"{one.person}, {one.decision}" for one in release.sign_offs}


def _figures(old: VerifiedRelease, new: VerifiedRelease) -> list[dict[str, Any]]:
    before, after = old.statements.evidence, new.statements.evidence
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for item in after:
        if item not in before:
            continue
        for name, fact in after[item].facts.items():
            other = before[item].facts.get(name)
            if other is not None and _number(fact) and _number(other) and other.value != fact.value:
                row = {"items": [], "fact": name, "before": other, "after": fact, "within": _overlap(other, fact)}
                found.setdefault((name, other, fact), row)["items"].append(item)
    return sorted(found.values(), key=lambda row: row["within"] is True)


def _number(fact: Fact) -> bool:
    return isinstance(fact.value, int | float) and not isinstance(fact.value, bool)


def _overlap(one: Fact, other: Fact) -> bool | None:
    """Whether their intervals overlap; None where one has none."""
    if None in (one.low, one.high, other.low, other.high):
        return None
    return bool(one.low <= other.high and other.low <= one.high)  # type: ignore[operator]
