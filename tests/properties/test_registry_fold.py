"""Laws of the fold: the same log gives the same state, going back restores, nothing is ever edited, others' events do not matter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.base.clock import stamp
from gonogo.base.names import Version
from gonogo.registry.event import GENESIS, Event, make_anchor, make_event, verify_chain
from gonogo.registry.fold import POINTER_MOVED, RELEASE_REGISTERED, RegistryState, fold

START = datetime(2026, 1, 1, tzinfo=UTC)
Action = tuple[str, str, int, str]
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["register", "move", "noise"]),
        st.sampled_from(["a", "b"]),
        st.integers(0, 4),
        st.sampled_from(["staging", "production"]),
    ),
    max_size=25,
)


def history(actions: list[Action]) -> list[Event]:
    """A log in which every event can have happened, whatever the actions say."""
    events: list[Event] = []
    registered: set[tuple[str, int]] = set()
    pointers: dict[tuple[str, str], str] = {}

    def add(kind: str, body: dict[str, Any]) -> None:
        seq, prev = (events[-1].seq + 1, events[-1].hash) if events else (1, GENESIS)
        events.append(make_event(seq, prev, time=stamp(START + timedelta(minutes=seq)), actor="x", kind=kind, body=body, signer=None))

    for what, system, number, pointer in actions:
        version = f"1.{number}.0"
        if what == "noise":
            add("rollout", {"system": system, "number": number})
        elif what == "register" and (system, number) not in registered:
            registered.add((system, number))
            digests = {name: f"{name}-{system}-{number}" for name in ("digest", "release", "verdict")}
            add(RELEASE_REGISTERED, {"system": system, "version": version, "path": "p", "sealed": stamp(START), **digests})
        elif what == "move" and (system, number) in registered:
            body = {"system": system, "pointer": pointer, "from": pointers.get((system, pointer)), "to": version, "reason": ""}
            add(POINTER_MOVED, {**body, "verdict": f"verdict-{system}-{number}"})
            pointers[system, pointer] = version
    return events


def plain(state: RegistryState) -> Any:
    return dict(state.releases), dict(state.pointers), state.history


@given(ACTIONS)
def test_the_fold_is_deterministic(actions: list[Action]) -> None:
    assert plain(fold(history(actions))) == plain(fold(iter(history(actions))))


@given(ACTIONS)
def test_events_of_other_rooms_do_not_matter(actions: list[Action]) -> None:
    events = history(actions)
    assert plain(fold(events)) == plain(fold(event for event in events if event.kind in (RELEASE_REGISTERED, POINTER_MOVED)))


@given(ACTIONS)
def test_what_was_registered_stays_as_it_was(actions: list[Action]) -> None:
    events = history(actions)
    whole = fold(events)
    for length in range(len(events) + 1):
        for key, entry in fold(events[:length]).releases.items():
            later = whole.releases[key]
            assert (entry.digest, entry.verdict_digest, entry.path, entry.actor) == (
                later.digest, later.verdict_digest, later.path, later.actor,
            )  # fmt: skip


@given(ACTIONS)
def test_what_was_live_is_what_the_pointer_was_then(actions: list[Action]) -> None:
    events = history(actions)
    whole = fold(events)
    for length in range(len(events) + 1):
        moment = START + timedelta(minutes=length)
        then = fold(events[:length]).pointers
        for system in ("a", "b"):
            move = whole.live_at(system, moment)
            assert (None if move is None else move.version) == then.get((system, "production"))


@given(ACTIONS, st.sampled_from(["a", "b"]))
def test_moving_there_and_back_restores_the_pointers(actions: list[Action], system: str) -> None:
    events = history(actions)
    before = fold(events)
    origin = before.pointers.get((system, "production"))
    if origin is None:
        return
    others = [version for version in before.versions(system) if version != origin]
    for version in others:
        there_and_back: list[Action] = [("move", system, version.minor, "production"), ("move", system, origin.minor, "production")]
        assert fold(history([*actions, *there_and_back])).pointers == before.pointers


@given(ACTIONS)
def test_stages_agree_with_pointers(actions: list[Action]) -> None:
    state = fold(history(actions))
    for (system, version), entry in state.releases.items():
        if entry.stage in ("staging", "production"):
            assert state.pointers[system, entry.stage] == version
        if state.pointers.get((system, "production")) == version:
            assert entry.stage == "production"


@settings(max_examples=60)
@given(ACTIONS.filter(lambda actions: len(history(actions)) > 0), st.data())
def test_no_event_can_be_removed_swapped_or_changed_unnoticed(actions: list[Action], data: st.DataObject) -> None:
    events = history(actions)
    anchor = make_anchor(events[-1].seq, events[-1].hash, events[-1].time, None)
    assert verify_chain(events, anchor, None).intact
    at = data.draw(st.integers(0, len(events) - 1))
    changed = Event(**{**vars(events[at]), "actor": "mallory"})
    assert not verify_chain([*events[:at], *events[at + 1 :]], anchor, None).intact
    assert not verify_chain([*events[:at], changed, *events[at + 1 :]], anchor, None).intact
    if at:
        swapped = [*events[: at - 1], events[at], events[at - 1], *events[at + 1 :]]
        assert not verify_chain(swapped, anchor, None).intact


@given(st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)))
def test_versions_print_and_parse_to_themselves(numbers: tuple[int, int, int]) -> None:
    assert Version.parse(str(Version(*numbers))) == Version(*numbers)
