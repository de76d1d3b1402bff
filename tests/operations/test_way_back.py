"""Where a rollback leads: back along the way that was gone forth, never forth again."""

from __future__ import annotations

import pytest

from gonogo.base.names import Version
from gonogo.operations.rollback import way_here
from gonogo.registry.fold import PointerMove


def moved(*steps: str) -> list[PointerMove]:
    """Moves of production: "1.1.0" forth, "<1.0.0" back."""
    versions = [Version.parse(step.removeprefix("<")) for step in steps]
    origins = [None, *versions]
    return [
        PointerMove(
            number, "2026-01-01T00:00:00.000Z", "ana", "shop", "production", origins[number], version, "sha256:1",
            f"{'revert' if step.startswith('<') else 'canary'}: x",
        )
        for number, (step, version) in enumerate(zip(steps, versions, strict=True))
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "way"),
    [
        ((), []),
        (("1.0.0",), ["1.0.0"]),
        (("1.0.0", "1.1.0", "1.2.0"), ["1.0.0", "1.1.0", "1.2.0"]),
        (("1.0.0", "1.1.0", "1.2.0", "<1.1.0"), ["1.0.0", "1.1.0"]),
        (("1.0.0", "1.1.0", "1.2.0", "<1.1.0", "<1.0.0"), ["1.0.0"]),
        (("1.0.0", "1.1.0", "1.2.0", "<1.0.0"), ["1.0.0"]),
        (("1.0.0", "1.1.0", "<1.0.0", "1.1.0"), ["1.0.0", "1.1.0"]),
        (("1.0.0", "1.1.0", "<1.0.0", "<1.1.0"), ["1.0.0", "1.1.0"]),
        (("1.0.0", "1.1.0", "<1.0.0", "1.2.0"), ["1.0.0", "1.2.0"]),
    ],
)
def test_what_was_gone_back_from_is_not_on_the_way_here(steps: tuple[str, ...], way: list[str]) -> None:
    assert [str(version) for version in way_here(moved(*steps))] == way
