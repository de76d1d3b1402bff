"""Run every benchmark but those that take long, which have commands of their own."""

from __future__ import annotations

import importlib
import pkgutil

import benchmarks

LONG = {
    "fuzz": "python -m benchmarks.fuzz",
    "oip_parity": "python -m benchmarks.oip_parity",
    "serve": "make bench-serve",
    "soak": "python -m benchmarks.soak",
}

for module in pkgutil.iter_modules(benchmarks.__path__):
    if module.name in LONG:
        print(f"\n── {module.name}: run `{LONG[module.name]}`")
    elif module.name != "__main__":
        print(f"\n── {module.name}")
        importlib.import_module(f"benchmarks.{module.name}").main()
