"""Run by `test_sealing.py` in a process of its own: does one thing again and again, killed by SIGKILL at another point each time.

`sys.setprofile` sees every call into C; those that can change a disk are counted, and the n-th one is never reached. So every state that
the disk goes through is a state in which the process died once. After each death the parent looks at what is there.

    sealing_child.py seal FOLDER        FOLDER holds bundle/ and keys/; prints one JSON line
    sealing_child.py commit FOLDER
    sealing_child.py begin FOLDER       FOLDER holds project/; the log of its store is begun
    sealing_child.py limited FOLDER N   seal once with files limited to N bytes; prints the error's class or "sealed"
    sealing_child.py busy FOLDER        commit for ever, until somebody kills it
"""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from gonogo.errors import GonogoError
from gonogo.operations.workspace import Workspace
from gonogo.registry.stores.sqlite import SqliteStore
from gonogo.release.contents import Bundle
from gonogo.release.verify import verify
from gonogo.trust.signers.file import FileSigner

sys.path.insert(0, str(Path(__file__).parents[1] / "real"))
import sample  # tests are no packages

EFFECTS = frozenset(
    {
        "write", "sendfile", "copy_file_range", "fsync", "rename", "replace", "mkdir", "unlink", "rmdir", "truncate",
        "connect", "execute", "executescript", "flock",
    }
)  # fmt: skip
Action = Callable[[], object]


def has_effect(function: object) -> bool:
    """Whether a call into C can change a disk. Text has a `replace` and a buffer in memory a `write`, too: those cannot."""
    owner = getattr(function, "__self__", None)
    return getattr(function, "__name__", "") in EFFECTS and not isinstance(owner, str | bytes | io.BytesIO | io.StringIO | datetime)


def killed_at(point: int, action: Action) -> bool:
    """Do it in a forked child that dies before effect number `point` (from 1). False when it came to its end before that."""
    child = os.fork()
    if child == 0:
        left = point

        def count(_: object, event: str, function: object) -> None:
            nonlocal left
            if event == "c_call" and has_effect(function):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.setprofile(count)
            action()
            sys.setprofile(None)
            os._exit(0)
        except BaseException as error:
            sys.setprofile(None)
            print(f"unexpected: {error!r}", file=sys.stderr)
            os._exit(3)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), f"point {point}: status {status}"
    return status != 0


def seal_points(folder: Path) -> dict[str, int]:
    ready = ready_in(folder)
    releases = folder / "releases"
    seen = {"points": 0, "nothing": 0, "release": 0}
    point = 0
    while True:
        point += 1
        shutil.rmtree(releases, ignore_errors=True)
        died = killed_at(point, lambda: ready.seal(releases))
        there = [path for path in releases.iterdir() if not path.name.startswith(".")] if releases.exists() else []
        assert [path.name for path in there] in ([], ["small-1.0.0"]), there
        for path in there:
            verify(path, ready.signer.public)  # whatever has a release's name is a whole release
        if not died:
            return seen
        seen["points"] += 1
        seen["release" if there else "nothing"] += 1
        again = ready.seal(releases)  # sealing once more goes on as if nothing had been
        assert verify(again.path, ready.signer.public).digest == ready.bundle.digest
        assert [path.name for path in releases.iterdir()] == ["small-1.0.0"], "a draft was left"


def commit_points(folder: Path) -> dict[str, int]:
    signer = FileSigner(folder / "keys/store.key")
    seen = {"points": 0, "before": 0, "after": 0}
    path = folder / "registry" / "gonogo.db"
    point = 0
    while True:
        point += 1
        shutil.rmtree(path.parent, ignore_errors=True)

        def work() -> None:
            store = SqliteStore(path, signer)
            for number in (1, 2):
                with store.transaction() as tx:
                    tx.append("counted", {"number": number}, "child")
                    tx.put("counter", "c", {"number": number}, expected_version=number - 1)

        died = killed_at(point, work)
        store = SqliteStore(path, signer)
        report = store.verify_chain(signer.public)
        found = store.get("counter", "c")
        assert report.intact, (point, report.problems)
        assert report.count == (found[1]["number"] if found else 0), "state and log disagree"
        if not died:
            assert report.count == 2
            return seen
        seen["points"] += 1
        seen["after" if report.count else "before"] += 1
        with store.transaction() as tx:
            tx.append("went on", {}, "parent")
        assert store.verify_chain(signer.public).count == report.count + 1
        store.close()


def begin_points(folder: Path) -> dict[str, int]:
    """The first use of a store: key and log are made, and an event is recorded."""
    seen = {"points": 0, "new": 0, "begun": 0}
    store = folder / "project" / ".gonogo"
    point = 0
    while True:
        point += 1
        shutil.rmtree(store, ignore_errors=True)

        def work() -> None:
            with Workspace.open(folder / "project").store().transaction() as tx:
                tx.append("counted", {"number": 1}, "child")

        died = killed_at(point, work)
        workspace = Workspace.open(folder / "project")
        begun = workspace.has_log()
        with workspace.store().transaction() as tx:  # nothing was tampered with, so nobody says so
            tx.append("went on", {}, "parent")
        report = workspace.store().verify_chain(workspace.public_key())
        assert report.intact, (point, report.problems)
        assert {path.name for path in workspace.key_file.parent.glob("[!.]*")} == {"begin.lock", "store.key", "store.pub"}
        workspace.store().close()
        if not died:
            assert report.count == 2
            return seen
        seen["points"] += 1
        seen["begun" if begun else "new"] += 1


def limited(folder: Path, most: int) -> str:
    ready = ready_in(folder)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    try:
        ready.seal(folder / "releases")
    except GonogoError as error:
        return f"{type(error).__name__}: {error}"
    return "sealed"


def busy(folder: Path) -> None:
    store = SqliteStore(folder / "registry" / "gonogo.db", FileSigner(folder / "keys/store.key"))
    print("ready", flush=True)
    while True:
        with store.transaction() as tx:
            found = tx.get("counter", "c")
            version, number = (found[0], found[1]["number"]) if found else (0, 0)
            tx.append("counted", {"number": number + 1}, "busy")
            tx.put("counter", "c", {"number": number + 1}, expected_version=version)


def ready_in(folder: Path) -> Any:
    return sample.sealable(Bundle.open(folder / "bundle"), folder / "keys")


if __name__ == "__main__":
    what, place = sys.argv[1], Path(sys.argv[2])
    if what == "seal":
        print(json.dumps(seal_points(place)))
    elif what == "commit":
        print(json.dumps(commit_points(place)))
    elif what == "begin":
        print(json.dumps(begin_points(place)))
    elif what == "limited":
        print(limited(place, int(sys.argv[3])))
    else:
        busy(place)
