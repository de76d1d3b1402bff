"""What starting costs: `import gonogo` and `gonogo --help` beside bare Python, best of many, in milliseconds."""

from __future__ import annotations

import subprocess
import sys
import time

ROUNDS = 15
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import gonogo": ["-c", "import gonogo"],
    "gonogo --help": ["-m", "gonogo", "--help"],
    "import click (for comparison)": ["-c", "import click"],
}


def milliseconds(arguments: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - started) * 1000


def main() -> None:
    best = dict.fromkeys(COMMANDS, float("inf"))
    for _ in range(ROUNDS):
        for name, arguments in COMMANDS.items():
            best[name] = min(best[name], milliseconds(arguments))
    bare = best["python -c pass"]
    print(f"{'start':<32} {'ms':>7} {'over bare Python':>18}")
    for name, value in best.items():
        print(f"{name:<32} {value:>7.0f} {value - bare:>18.0f}")


if __name__ == "__main__":
    main()
