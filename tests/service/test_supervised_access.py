"""Keys, limits and restarts with a real supervisor and real workers."""

import os
import signal
import threading
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime

import pytest

from gonogo.service.callers.api_keys import KeyFile, added, make_key, revoked
from gonogo.service.places import service_folder
from supervised import BODY, OLD, serving
from waiting import free_port

pytestmark = pytest.mark.xdist_group("supervisor")


@pytest.fixture
def service(tmp_path, sealed):
    with serving(tmp_path / "store", sealed, TEST_PROCESSES="2", GONOGO_RATE_LIMITS="operator=4") as running:
        yield running


def make(service, name, role="reader"):
    key, text = make_key(name, role, datetime.now(UTC), None)
    KeyFile(service_folder(service.store)).change(lambda keys: added(keys, key, datetime.now(UTC)))
    return text


def ask(service, key=""):
    try:
        with urllib.request.urlopen(urllib.request.Request(service.url + "/predict", BODY, {"x-api-key": key}), timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def until(service, status, key=""):
    """Until both workers answer so: new connections may come to either."""
    deadline, same = time.monotonic() + 20, 0
    while same < 12:
        same = same + 1 if ask(service, key) == status else 0
        assert time.monotonic() < deadline, ask(service, key)


def test_a_running_service_takes_keys_revocations_and_harm_to_the_file_without_a_restart(service, capfd):
    service.start(OLD)
    pids = set(service.until(lambda seen: len(seen["releases"][OLD]["pids"]) == 2)["releases"][OLD]["pids"])
    assert ask(service) == 200
    olga, ana = make(service, "olga", "operator"), make(service, "ana")  # a service that knows the later key knows the earlier one
    until(service, 401)
    until(service, 200, ana)

    statuses = [ask(service, olga) for _ in range(5)]
    while 429 not in statuses and len(statuses) < 1000:
        statuses.append(ask(service, olga))
    assert set(statuses) == {200, 429}

    file = KeyFile(service_folder(service.store))
    file.change(lambda keys: revoked(keys, "ana", datetime.now(UTC)))
    until(service, 401, ana)
    file.path.unlink()
    said, deadline = "", time.monotonic() + 20
    while "the API keys cannot be read again" not in said:  # it has looked, and found nothing
        assert time.monotonic() < deadline, said
        time.sleep(0.05)
        said += capfd.readouterr().err
    assert ask(service) == ask(service, ana) == 401
    assert set(service.client.observe()["releases"][OLD]["pids"]) == pids, "nothing was restarted"
    assert service.end() == 0


def test_a_service_with_keys_is_locked_from_the_first_moment_of_every_process(service):
    service.store.mkdir(exist_ok=True)
    ana = make(service, "ana")
    answers = []
    service.url = f"http://127.0.0.1:{free_port()}"
    ended = threading.Event()

    def knock():
        while not ended.is_set():
            try:
                answers.append(ask(service))
            except OSError:
                time.sleep(0.005)

    knocking = threading.Thread(target=knock)
    knocking.start()
    try:
        service.start(OLD, port=int(service.url.rpartition(":")[2]))
        until(service, 200, ana)
        for pid in service.client.observe()["releases"][OLD]["pids"]:
            os.kill(pid, signal.SIGKILL)
        until(service, 200, ana)
    finally:
        ended.set()
        knocking.join()
    assert set(answers) <= {401, 503}
    assert 401 in answers
