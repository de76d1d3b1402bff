"""Reviews: the checklists of an hour, a day, a week, a month and a quarter in service, from a pack's `reviews.yaml`.

A review is a checklist like the gate: its items are measured by checks or signed by people. A pack that extends another has its reviews,
each as this one writes it anew, if it does. Rules, each an error with file, line and column:
  - what holds for the items of a gate holds here;
  - no two items of a pack's reviews and gate have one name, so that `items` in gonogo.yaml says which is meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gonogo.base.yaml_source import Path_, load_yaml
from gonogo.checklist.items import Checklist, Review
from gonogo.checklist.pack_schema import REVIEWS
from gonogo.checklist.periods import PERIODS, Period
from gonogo.checklist.read_items import read_items
from gonogo.checklist.shape import check_shape


def read_reviews(file: Path, gate: Checklist, roles: Mapping[str, str], base: Mapping[Period, Review]) -> dict[Period, Review]:
    """The reviews of a pack, shortest period first: those of `base` and, over them, those of the file. Raises ProjectFileError."""
    source = load_yaml(file)
    check_shape(source, REVIEWS)
    found = dict(base)
    kept = [review.checklist for period, review in base.items() if period not in source.data["reviews"]]
    taken = {item.id for checklist in (gate, *kept) for item in checklist.items}
    for period in PERIODS:
        section = source.data["reviews"].get(period)
        if section is None:
            continue
        at: Path_ = ("reviews", period, "sections")
        items = tuple(read_items(source, at, section["sections"], roles, [], taken))
        if not items:
            raise source.error(at, f"the review of the {period} is empty, so it would demand nothing.", hint="Add an item.")
        taken |= {item.id for item in items}
        checklist = Checklist(
            id=f"{gate.id}-{period}",
            title=section["title"],
            **{key: source.data[key] for key in ("version", "date", "status")},
            items=items,
            apart=gate.apart,
            sign_off_days=gate.sign_off_days,
        )
        found[period] = Review(period, checklist, section.get("repeats", True))
    return {period: found[period] for period in PERIODS if period in found}
