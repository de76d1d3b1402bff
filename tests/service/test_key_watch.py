"""What a supervisor makes of the key file, at its start and while it runs."""

import json
import logging
from datetime import UTC, datetime

import pytest

from gonogo.errors import StorageError, UsageError
from gonogo.service.callers.api_keys import KeyFile, added, make_key, revoked
from gonogo.service.supervising.key_watch import KeyWatch

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def file(tmp_path):
    return KeyFile(tmp_path)


def put(file, name="ana"):
    key, text = make_key(name, "reader", NOW, None)
    file.change(lambda keys: added(keys, key, NOW))
    return key, text


def test_without_a_file_nobody_needs_a_key_on_this_machine(file, tmp_path):
    watch = KeyWatch(tmp_path, "127.0.0.1", 2)
    assert watch.begin() == {"keys": [], "limits": {}, "workers": 2}
    assert watch.news() is None


def test_without_a_key_it_does_not_start_where_others_can_ask(tmp_path):
    with pytest.raises(UsageError, match="can be reached from other machines"):
        KeyWatch(tmp_path, "0.0.0.0", 1).begin()


def test_a_damaged_file_stops_the_start(file, tmp_path):
    put(file)
    file.path.write_text("{")
    with pytest.raises(StorageError, match="damaged"):
        KeyWatch(tmp_path, "127.0.0.1", 1).begin()


def test_each_change_is_told_once_and_without_a_secret(file, tmp_path):
    put(file)
    watch = KeyWatch(tmp_path, "0.0.0.0", 1)
    watch.begin()
    assert watch.news() is None
    _, text = put(file, "ben")
    news = watch.news()
    assert [entry["name"] for entry in news["keys"]] == ["ana", "ben"]
    assert text not in json.dumps(news)
    assert watch.news() is None
    file.change(lambda keys: revoked(keys, "ana", NOW))
    assert [entry["until"] for entry in watch.news()["keys"]] == [0.0, None]


@pytest.mark.parametrize("harm", [lambda path: path.unlink(), lambda path: path.write_text("{"), lambda path: path.chmod(0o666)])
def test_harm_to_the_file_keeps_the_keys_in_force_and_is_logged_once(file, tmp_path, harm, caplog):
    put(file)
    watch = KeyWatch(tmp_path, "127.0.0.1", 1)
    watch.begin()
    harm(file.path)
    with caplog.at_level(logging.ERROR):
        if file.path.exists():
            file.path.touch()
        assert [watch.news() for _ in range(3)] == [None] * 3
    assert caplog.text.count("cannot be read again") == 1


def test_an_emptied_file_does_not_open_the_service(file, tmp_path):
    put(file)
    watch = KeyWatch(tmp_path, "127.0.0.1", 1)
    watch.begin()
    file.change(lambda keys: [])
    assert watch.news() is None


def test_it_goes_on_when_the_file_is_mended(file, tmp_path):
    put(file)
    kept = file.path.read_bytes()
    watch = KeyWatch(tmp_path, "127.0.0.1", 1)
    watch.begin()
    file.path.write_text("{")
    assert watch.news() is None
    file.path.write_bytes(kept)
    assert len(watch.news()["keys"]) == 1


def test_limits_that_say_nothing_stop_the_start(tmp_path, monkeypatch):
    monkeypatch.setenv("GONOGO_RATE_LIMITS", "reader=many")
    with pytest.raises(UsageError, match="is no limit"):
        KeyWatch(tmp_path, "127.0.0.1", 1).begin()
