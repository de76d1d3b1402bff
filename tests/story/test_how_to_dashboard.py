"""docs/how-to-dashboard.md, typed: the service with its dashboard, its pages and records, and a key to act with."""

from __future__ import annotations

import json
import re

import pytest

from gonogo.web.dashboard import PAGES
from page import read_page, typed_out
from waiting import free_port

PAGE = read_page("how-to-dashboard.md")

pytestmark = pytest.mark.timeout(300)


def test_how_to_dashboard_works_as_it_is_written(small) -> None:
    small.gonogo("release")
    service, dashboard = free_port(), free_port()
    with typed_out(small, PAGE, service=service, dashboard=dashboard) as (said, _):
        records = [text for command, text in said.items() if command.endswith(".json")]
        assert len(records) == 6
        assert all(json.loads(text) for text in records)
        assert "small@1.0.0" in next(text for command, text in said.items() if command.endswith(f":{dashboard}/"))
        assert (small.folder / "olga.key").read_text().startswith("gng_")


def test_the_page_names_every_page_of_the_dashboard() -> None:
    assert re.findall(r"^\| ([A-Z]\w+) \|", PAGE, flags=re.MULTILINE) == list(PAGES.values())
