"""Values that many ask for at once, made once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
MOST = 64  #: values; when there are more, all are forgotten


class Kept:
    """Values that are made once and kept for some seconds. Two who ask at once wait for one answer; what cannot be made is tried again."""

    def __init__(self) -> None:
        self._values: dict[Any, tuple[float, Any]] = {}
        self._mutex = threading.Lock()
        self._making: dict[Any, threading.Lock] = {}

    def __len__(self) -> int:
        return len(self._values)

    def of(self, key: Any, seconds: float, make: Callable[[], T]) -> T:
        with self._mutex:
            lock = self._making.setdefault(key, threading.Lock())
        with lock:
            until, value = self._values.get(key, (0.0, None))
            if time.monotonic() >= until:
                value = make()
                with self._mutex:
                    if len(self._values) >= MOST:
                        self._values.clear()
                    self._values[key] = (time.monotonic() + seconds, value)
            return value  # type: ignore[no-any-return]
