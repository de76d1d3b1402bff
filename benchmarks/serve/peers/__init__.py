"""The peers, one script each, run in an environment of its own: `python PEER.py --port P --workers N --model FILE` serves until ended.

The head of a script is inline metadata (PEP 723): the versions it needs, and under `tool.peer` its title and the dialect in which it is
asked. All run the same ONNX file with one thread on float32 rows, give back both classes' shares, and have their access logs off.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"(?m)^# /// script$\s(?P<content>(^#(| .*)$\s)+)^# ///$")


@dataclass(frozen=True)
class Peer:
    """`named` is false for what is written by hand: the comparison holds us against both kinds apart."""

    name: str
    title: str
    dialect: str
    packages: tuple[str, ...]
    script: Path
    named: bool


def peers() -> tuple[Peer, ...]:
    """Every script of this folder, by name."""
    return tuple(_read(path) for path in sorted(Path(__file__).parent.glob("[!_]*.py")))


def _read(script: Path) -> Peer:
    match = _BLOCK.search(script.read_text(encoding="utf-8"))
    if match is None:
        raise ValueError(f"{script.name} has no inline metadata")
    lines = match["content"].splitlines()
    told = tomllib.loads("\n".join(line[2:] for line in lines))
    peer = told["tool"]["peer"]
    return Peer(script.stem, peer["title"], peer["dialect"], tuple(told["dependencies"]), script, peer.get("named", True))
