from __future__ import annotations

from collections.abc import Callable

import pytest

import reported
from gonogo.reports.report import Report
from gonogo.verdict.outcome import Outcome


@pytest.fixture
def make_report() -> Callable[..., Report]:
    """Build the report, with other outcomes, items or evidence when given."""
    return reported.make_report


@pytest.fixture
def report() -> Report:
    return reported.make_report()


@pytest.fixture
def full_report() -> Report:
    return reported.full_report()


@pytest.fixture
def all_good() -> Report:
    return reported.make_report({item.id: (Outcome.PASS, "it holds") for item in reported.ITEMS}, notes=())
