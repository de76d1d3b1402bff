"""Run every benchmark but those that take long, which have commands of their own."""

from __future__ import annotations

import importlib
import pkgutil

import benchmarks

LONG = {
    "false_alarms": "python -m benchmarks.false_alarms",
    "fuzz": "python -m benchmarks.fuzz",
    "monitor": "python -m benchmarks.monitor",
    "oip_parity": "python -m benchmarks.oip_parity",
    "serve": "make bench-serve",
    "soak": "python -m benchmarks.soak",
}

PARTS = ("__main__", "healthy_service", "monitor_peers")  #: of other benchmarks

for module in pkgutil.iter_modules(benchmarks.__path__):
    if module.name in LONG:
        print(f"\n── {module.name}: run `{LONG[module.name]}`")
    elif module.name not in PARTS:
        print(f"\n── {module.name}")
        importlib.import_module(f"benchmarks.{module.name}").main()
