"""API keys at rest: what is kept, who may read it, what a change does."""

import json
import os
import re
import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest

from gonogo.errors import ConflictError, NotFoundError, StorageError, UsageError
from gonogo.service.callers.api_keys import KeyFile, added, check_name, ending, live, make_key, revoked

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def file(tmp_path):
    return KeyFile(tmp_path / "service")


def put(file, name="ana", role="reader", lifetime=None):
    key, text = make_key(name, role, NOW, lifetime)
    file.change(lambda keys: added(keys, key, NOW))
    return key, text


def test_a_key_has_256_random_bits_and_its_text_is_not_kept(file):
    key, text = put(file)
    assert re.fullmatch(r"gng_[0-9a-f]{12}_[0-9a-f]{64}", text)
    kept = file.path.read_text()
    assert text not in kept
    assert text.rpartition("_")[2] not in kept
    assert file.load() == (key,)


def test_the_file_belongs_to_its_owner_alone(file):
    put(file)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


def test_a_file_that_others_may_write_is_refused(file):
    put(file)
    file.path.chmod(0o620)
    with pytest.raises(StorageError, match="can be written by others"):
        file.load()


def test_no_file_means_no_keys(file):
    assert file.load() == ()
    assert file.mark() is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: document.update(format="gonogo-api-keys/9"),
        lambda document: document["keys"].append(dict(document["keys"][0])),
        lambda document: document["keys"][0].update(role="root"),
        lambda document: document["keys"][0].update(sha256="00"),
        lambda document: document["keys"][0].update(expires="next week"),
        lambda document: document["keys"][0].update(revoked=None),
        lambda document: document["keys"][0].pop("revoked"),
        lambda document: document["keys"][0].update(extra="x"),
        lambda document: document["keys"][0].update(expires="0001-01-01T00:00:00+14:00"),
        lambda document: document["keys"].append(list(document["keys"][0])),
        lambda document: document.update(keys={}),
        lambda document: document.update(extra="x"),
        lambda document: document.pop("keys"),
    ],
)
def test_a_damaged_file_is_refused_and_never_taken_for_no_keys(file, damage):
    put(file)
    document = json.loads(file.path.read_text())
    damage(document)
    file.path.write_text(json.dumps(document))
    with pytest.raises(StorageError, match="damaged"):
        file.load()


def test_a_pipe_in_place_of_the_file_is_refused_and_not_waited_for(file):
    put(file)
    file.path.unlink()
    os.mkfifo(file.path, 0o600)
    refusals = []

    def read():
        with pytest.raises(StorageError, match="no file of this user") as refused:
            file.load()
        refusals.append(refused.value)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(10)
    assert len(refusals) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused_also_behind_a_link(file):
    put(file)
    theirs = file.path.with_name("theirs.json")
    file.path.rename(theirs)
    os.chown(theirs, 4321, 4321)
    file.path.symlink_to(theirs)
    with pytest.raises(StorageError, match="no file of this user"):
        file.load()


def test_every_change_shows_in_the_mark(file):
    put(file)
    before = file.mark()
    file.change(lambda keys: revoked(keys, "ana", NOW))
    assert file.mark() != before


def test_a_change_that_fails_changes_nothing(file):
    put(file)
    before = file.path.read_bytes()
    with pytest.raises(ConflictError, match="ana has a key already"):
        put(file)
    with pytest.raises(NotFoundError, match="nobody has no key"):
        file.change(lambda keys: revoked(keys, "nobody", NOW))
    assert file.path.read_bytes() == before


def test_changes_at_the_same_time_lose_none(file):
    threads = [threading.Thread(target=put, args=(file, f"caller-{number}")) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key.name for key in file.load()} == {f"caller-{number}" for number in range(12)}


def test_a_revoked_key_is_kept_and_its_name_may_have_a_new_one(file):
    old, _ = put(file)
    file.change(lambda keys: revoked(keys, "ana", NOW))
    new, _ = put(file)
    assert [(key.id, key.state(NOW)) for key in file.load()] == [(old.id, "revoked"), (new.id, "live")]
    assert file.load()[0].until() == 0.0


def test_after_a_rotation_both_keys_live_until_the_overlap_ends():
    old, _ = make_key("ana", "reader", NOW, None)
    new, _ = make_key("ana", "reader", NOW, None)
    keys = [*ending([old], "ana", NOW, DAY), new]
    assert [key.state(NOW + DAY - timedelta(seconds=1)) for key in keys] == ["live", "live"]
    assert [key.state(NOW + DAY) for key in keys] == ["expired", "live"]


def test_an_overlap_never_makes_a_key_live_longer():
    old, _ = make_key("ana", "reader", NOW, timedelta(hours=1))
    assert ending([old], "ana", NOW, DAY) == [old]


def test_an_expired_key_cannot_be_rotated():
    old, _ = make_key("ana", "reader", NOW, DAY)
    with pytest.raises(NotFoundError):
        live([old], "ana", NOW + DAY)


@pytest.mark.parametrize(("name", "role"), [("", "reader"), ("a b", "reader"), ("../x", "reader"), ("a\nb", "reader"), ("ana", "root")])
def test_names_and_roles_that_cannot_be_are_refused(name, role):
    with pytest.raises(UsageError):
        check_name(name, role)
