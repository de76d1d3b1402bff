"""Keys of callers: what stands in the log before what is accepted, and where the text goes."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

import sample
from gonogo.base.clock import FakeClock
from gonogo.checklist.project import load_project
from gonogo.cli import main
from gonogo.errors import ConflictError, NotFoundError, StorageError, UsageError, VerificationError
from gonogo.operations.api_keys import KIND, api_key_new, api_key_revoke, api_key_rotate, api_keys
from gonogo.operations.control_audit import ControlAudit
from gonogo.operations.workspace import Workspace

DAY = timedelta(days=1)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    sample.write_project(tmp_path)
    return Workspace(load_project(tmp_path / "gonogo.yaml"), FakeClock())


def recorded(workspace: Workspace) -> list[tuple[str, str]]:
    return [(event.body["verb"], event.body["name"]) for event in workspace.store().events() if event.kind == KIND]


def test_a_key_is_written_to_a_new_file_of_its_owner_alone(workspace: Workspace, tmp_path: Path) -> None:
    made = api_key_new(workspace, "ana", "reader", out=tmp_path / "ana.key")
    assert (tmp_path / "ana.key").read_text() == made.text + "\n"
    assert stat.S_IMODE((tmp_path / "ana.key").stat().st_mode) == 0o600


def test_nothing_is_overwritten_by_a_key_and_no_key_is_made_then(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "ana.key").write_text("precious")
    with pytest.raises(ConflictError, match="already there"):
        api_key_new(workspace, "ana", "reader", out=tmp_path / "ana.key")
    assert (tmp_path / "ana.key").read_text() == "precious"
    assert (api_keys(workspace), recorded(workspace)) == ([], [])


def test_each_change_is_an_event_without_the_secret_under_the_name_of_who_made_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GONOGO_ACTOR", "olga")
    first = api_key_new(workspace, "ana", "operator", days=30)
    second = api_key_rotate(workspace, "ana", overlap=DAY)
    assert [key.id for key in api_key_revoke(workspace, "ana")] == [first.key.id, second.key.id]
    events = [event for event in workspace.store().events() if event.kind == KIND]
    assert [(event.actor, event.body["verb"], event.body["key"]) for event in events] == [
        ("olga", "new", first.key.id),
        ("olga", "rotate", second.key.id),
        ("olga", "revoke", first.key.id),
        ("olga", "revoke", second.key.id),
    ]
    log = json.dumps([event.to_json() for event in events])
    assert first.text not in log
    assert first.key.sha256 not in log
    assert workspace.store().verify_chain(workspace.public_key()).intact


def test_a_key_that_cannot_be_recorded_is_not_made(workspace: Workspace) -> None:
    api_key_new(workspace, "ana", "reader")
    anchor = workspace.path / "anchor.json"
    kept = anchor.read_bytes()
    anchor.unlink()
    with pytest.raises(VerificationError, match="anchor"):
        api_key_new(workspace, "ben", "reader")
    assert [one.key.name for one in api_keys(workspace)] == ["ana"]
    anchor.write_bytes(kept)
    api_key_new(workspace, "ben", "reader")
    assert recorded(workspace) == [("new", "ana"), ("new", "ben")]


def test_a_key_is_revoked_even_when_that_cannot_be_recorded(workspace: Workspace) -> None:
    api_key_new(workspace, "ana", "reader")
    (workspace.path / "anchor.json").unlink()
    with pytest.raises(StorageError, match="refused from now on, but that is not in the log"):
        api_key_revoke(workspace, "ana")
    assert [one.state for one in api_keys(workspace)] == ["revoked"]


def test_a_rotated_key_keeps_role_and_lifetime_and_the_old_one_ends_after_the_overlap(workspace: Workspace) -> None:
    api_key_new(workspace, "ana", "operator", days=30)
    workspace.clock.advance(20 * 86_400)  # type: ignore[attr-defined]
    made = api_key_rotate(workspace, "ana", overlap=DAY)
    assert made.key.role == "operator"
    assert made.key.expires == "2026-02-20T00:00:00.000Z"
    assert made.until == "2026-01-22T00:00:00.000Z"
    workspace.clock.advance(86_400)  # type: ignore[attr-defined]
    assert [one.state for one in api_keys(workspace)] == ["expired", "live"]


def test_an_overlap_of_nothing_ends_the_old_key_at_once(workspace: Workspace) -> None:
    api_key_new(workspace, "ana", "reader")
    api_key_rotate(workspace, "ana", overlap=timedelta())
    assert [one.state for one in api_keys(workspace)] == ["expired", "live"]


@pytest.mark.parametrize(("name", "role", "error"), [("a b", "reader", UsageError), ("ana", "root", UsageError)])
def test_a_name_or_role_that_cannot_be_makes_no_key(workspace: Workspace, name: str, role: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        api_key_new(workspace, name, role)
    assert not (workspace.service / "api_keys.json").exists()


def test_a_name_without_a_key_cannot_be_rotated_or_revoked(workspace: Workspace) -> None:
    for change in (lambda: api_key_rotate(workspace, "ana", overlap=DAY), lambda: api_key_revoke(workspace, "ana")):
        with pytest.raises(NotFoundError):
            change()


def test_the_command_line_shows_a_key_once_and_lists_it_without(workspace: Workspace, tmp_path: Path) -> None:
    def typed(*words: str) -> str:
        done = CliRunner().invoke(main, ["apikey", *words, "--project", str(tmp_path), "--json"])
        assert done.exit_code == 0, done.output
        return done.stdout

    made = json.loads(typed("new", "ana", "--role", "reader", "--days", "2"))
    assert made["key"].startswith(f"gng_{made['id']}_")
    listed = typed("list")
    assert made["key"] not in listed
    assert json.loads(listed)["keys"][0]["state"] == "live"
    assert json.loads(typed("rotate", "ana"))["old_until"]
    assert len(json.loads(typed("revoke", "ana"))["revoked"]) == 2
    shown = CliRunner().invoke(main, ["apikey", "list", "--project", str(tmp_path)]).stdout
    assert shown.count("revoked") >= 2


def test_control_calls_are_recorded_in_order_and_one_that_cannot_be_is_told_in_the_services_log(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    with ControlAudit(workspace) as audit:
        for number in range(5):
            audit("olga", "start", f"small@1.0.{number}", "done")
    calls = [event for event in workspace.store().events() if event.kind == "control_call"]
    assert [(event.actor, event.body["release"]) for event in calls] == [("olga", f"small@1.0.{number}") for number in range(5)]
    (workspace.path / "anchor.json").unlink()
    with ControlAudit(workspace) as audit:
        audit("olga", "stop", "small@1.0.0", "done")
    assert "is not in the log: olga stop small@1.0.0 done" in caplog.text
