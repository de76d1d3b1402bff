"""The worker's own entry point with a sealed release: it serves what verifies, and nothing else."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gonogo.release.contents import Bundle
from gonogo.service.routing import Arm, RoutingTable
from gonogo.service.trial import TrialServer


@pytest.fixture(scope="module")
def release(sealed):
    return sealed / "releases" / "small-1.0.0"


@pytest.fixture(scope="module")
def key(sealed):
    return sealed / "keys" / "store.pub"


class Started:
    """The worker's entry point, started as a supervisor starts it."""

    def __init__(self, release: Path, key: Path, socket_path: Path) -> None:
        self.public = socket.create_server(("127.0.0.1", 0))
        self.private = socket.socket(socket.AF_UNIX)
        self.private.bind(str(socket_path))
        self.private.listen()
        self.control, theirs = socket.socketpair()
        self.control.settimeout(60)
        fds = (self.public.fileno(), self.private.fileno(), theirs.fileno())
        arguments = ["--release-dir", str(release), "--key", str(key), "--public-fd", str(fds[0])]
        arguments += ["--unix-fd", str(fds[1]), "--control-fd", str(fds[2])]
        command = [sys.executable, "-P", "-m", "gonogo.service.worker", *arguments]
        self.process = subprocess.Popen(command, pass_fds=fds, env={**os.environ, "OMP_NUM_THREADS": "1"})
        theirs.close()
        self.lines = self.control.makefile("rb")

    def hear(self) -> dict:
        while (message := json.loads(self.lines.readline()))["kind"] in ("counters", "golden"):  # these it says by itself
            pass
        return message

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.lines.close()
        self.control.close()
        self.status = self.process.wait(20)
        self.public.close()
        self.private.close()


def test_a_release_that_verifies_is_served_and_gives_its_golden_answers(release, key, tmp_path):
    bundle = Bundle.open(release / "bundle")
    with Started(release, key, tmp_path / "s") as worker:
        ready = worker.hear()
        assert (ready["kind"], ready["release"], ready["digest"], ready["pid"]) == (
            "ready",
            "small@1.0.0",
            bundle.digest,
            worker.process.pid,
        )
        table = RoutingTable(1, 1, (Arm("small@1.0.0", 10_000, str(tmp_path / "s")),), "small@1.0.0")
        worker.control.sendall(json.dumps({"kind": "table", "table": table.to_json(), "accept": [0]}).encode() + b"\n")
        assert worker.hear() == {"kind": "ack", "epoch": 1, "accept": [0]}
        connection = http.client.HTTPConnection("127.0.0.1", worker.public.getsockname()[1], timeout=20)
        for case in bundle.golden["requests"]:
            connection.request("POST", "/predict", json.dumps({"features": case["rows"]}))
            answer = json.loads(connection.getresponse().read())
            given = [list(row["scores"].values()) for row in answer["predictions"]]
            assert given == [pytest.approx(expected, abs=1e-5) for expected in case["scores"]]
        connection.close()
    assert worker.status == 0


def test_a_release_with_one_byte_changed_is_not_served_and_the_file_is_named(release, key, tmp_path):
    shutil.copytree(release, tmp_path / "r")
    baseline = tmp_path / "r" / "bundle" / "baseline.json"
    baseline.write_bytes(baseline.read_bytes().replace(b"1", b"2", 1))
    with Started(tmp_path / "r", key, tmp_path / "s") as worker:
        failed = worker.hear()
        assert (failed["kind"], failed["error"]) == ("failed", "VerificationError")
        assert "baseline.json" in failed["message"]
    assert worker.status == 1


def test_a_bundle_without_a_seal_is_not_served_as_a_release(release, key, tmp_path):
    with Started(release / "bundle", key, tmp_path / "s") as worker:
        assert worker.hear()["kind"] == "failed"
    assert worker.status == 1


def test_a_real_bundle_runs_in_a_trial_with_text_and_missing_values(release):
    with TrialServer(Bundle.open(release / "bundle"), accept_weaker=True) as trial:
        answer = trial.request("POST", "/predict", b'{"features": [{"amount": null, "city": "paris"}, {"amount": 1, "city": "new"}]}')
        assert answer.status == 200, answer.body
        assert len(json.loads(answer.body)["predictions"]) == 2
