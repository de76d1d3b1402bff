"""Everybody who is measured: the peers, our own server in its spellings, and the bounds that no server passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from benchmarks.serve import ours
from benchmarks.serve.dialects import Dialect, dialect
from benchmarks.serve.environments import NotInstalled, environment
from benchmarks.serve.fastapi_ways import WAYS
from benchmarks.serve.model import Material
from benchmarks.serve.native import compiled
from benchmarks.serve.peers import Peer, peers

HERE = Path(__file__).parent
Kind = Literal["ours", "hand", "named", "bound"]
Command = Callable[[int, int, Path], list[str]]  #: (port, workers, a fresh folder) → what to run


@dataclass(frozen=True)
class Contender:
    """`command` is None where it cannot take part; `reason` says why. `predicts` is false for the echo, whose answer is no prediction."""

    name: str
    title: str
    kind: Kind
    dialect: Dialect
    command: Command | None
    environment: Callable[[int], Mapping[str, str]] = field(default=lambda workers: {})
    reason: str = ""
    predicts: bool = True


def contenders(material: Material, sealed: Path, only: tuple[str, ...] = ()) -> list[Contender]:
    """All but the other ways of FastAPI, or those whose name begins with one of `only`. Installs what has to be installed. `sealed` is our
    release."""
    makers: dict[str, Callable[[], Contender]] = {
        "ours": lambda: _ours("ours", "gonogo, rows by name", material, sealed, "ours"),
        "ours_columns": lambda: _ours("ours_columns", "gonogo, columns", material, sealed, "ours_columns"),
        "ours_oip": lambda: _ours("ours_oip", "gonogo, Open Inference Protocol", material, sealed, "ours_oip"),
        "ours_unmonitored": lambda: _ours(
            "ours_unmonitored", "gonogo, rows by name, monitoring off", material, sealed, "ours", forgetful=True
        ),
        "echo": lambda: _echo(material),
        "limit": lambda: _limit(material),
        **{peer.name: partial(_peer, peer, material) for peer in peers()},
        **{f"fastapi_{way}": partial(_way, way, material) for way in WAYS},
    }
    chosen = [name for name in makers if any(name.startswith(word) for word in only or ("",)) and (only or not name.startswith("fastapi_"))]
    if not chosen:
        raise SystemExit(f"Nobody is called {' or '.join(only)}; there are {', '.join(makers)}.")
    return [makers[name]() for name in chosen]


def _peer(peer: Peer, material: Material) -> Contender:
    kind: Kind = "named" if peer.named else "hand"
    asked = dialect(peer.dialect, material.names)
    try:
        python = environment(peer.name, peer.packages)
    except NotInstalled as error:
        return Contender(peer.name, peer.title, kind, asked, None, reason=str(error))

    def command(port: int, workers: int, folder: Path) -> list[str]:
        return [str(python), str(peer.script), "--port", str(port), "--workers", str(workers), "--model", str(material.onnx)]

    return Contender(peer.name, peer.title, kind, asked, command)


def _way(way: str, material: Material) -> Contender:
    hand = next(peer for peer in peers() if not peer.named)
    python = environment(hand.name, hand.packages)
    words = [str(python), str(HERE / "fastapi_ways.py"), "--way", way, "--model", str(material.onnx)]

    def command(port: int, workers: int, folder: Path) -> list[str]:
        return [*words, "--port", str(port), "--workers", str(workers)]

    return Contender(f"fastapi_{way}", f"FastAPI by hand, {WAYS[way]}", "bound", dialect(hand.dialect, material.names), command)


def _echo(material: Material) -> Contender:
    asked = dialect("instances", material.names)
    hand = next(peer for peer in peers() if not peer.named)
    title = "bare uvicorn echo (does no work)"
    try:
        python = environment(hand.name, hand.packages)
    except NotInstalled as error:
        return Contender("echo", title, "bound", asked, None, reason=str(error))

    def command(port: int, workers: int, folder: Path) -> list[str]:
        return [str(python), str(HERE / "echo.py"), "--port", str(port), "--workers", str(workers)]

    return Contender("echo", title, "bound", asked, command, predicts=False)


def _limit(material: Material) -> Contender:
    program = str(compiled("limit"))

    def command(port: int, workers: int, folder: Path) -> list[str]:
        one = f"{program} {port} {material.flat}"
        return [program, str(port), str(material.flat)] if workers == 1 else ["sh", "-c", " & ".join([one] * workers) + " & wait"]

    return Contender("limit", "C epoll loop with the forest inside", "bound", dialect("instances", material.names), command)


def _ours(name: str, title: str, material: Material, sealed: Path, asked: str, *, forgetful: bool = False) -> Contender:
    def command(port: int, workers: int, scratch: Path) -> list[str]:
        return ours.command(ours.store(sealed, scratch / "store"), port)

    def told(workers: int) -> dict[str, str]:
        return {"TEST_PROCESSES": str(workers)} | (
            {"TEST_WORKER": str(HERE / "ours.py"), "PYTHONPATH": str(ours.ROOT)} if forgetful else {}
        )

    return Contender(name, title, "ours", ours.asked(asked, material, sealed), command, told)
