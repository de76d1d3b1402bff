"""The status page as a file: one self-contained HTML document made from the record of `gonogo status`.

No script, no font and no picture comes from elsewhere; it wears the style sheet of the reports. What follows a running service is the
dashboard (`dashboard.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gonogo.web.engine import templates
from gonogo.web.readings import with_known_numbers
from gonogo.web.rollout import rollout_view


def render_status(status: Mapping[str, Any]) -> str:
    """HTML of a status document (`operations.status`)."""
    return templates().get_template("status.html").render(status=with_known_numbers(status), **rollout_view(status))
