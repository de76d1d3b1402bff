"""What counts as a number among the values of a JSON or YAML document."""

from __future__ import annotations

import math
from typing import Any, TypeGuard


def is_finite_number(value: Any) -> TypeGuard[int | float]:
    """Whether a value is a number that can be compared: no truth value (an int to Python), no NaN, no infinity."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
