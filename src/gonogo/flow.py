"""The flow, as one table: what the rooms are, in which order, and what each of them asks, takes and gives.

The order is the law of the house: a room imports only rooms that stand above it in this table. `tests/test_flow.py` proves it from
here; `gonogo flow` prints it; `docs/map.md` is generated from it.

    checklist → evidence → verdict → candidate → release → registry → service → rollout → monitor
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Room:
    """One folder (or file) of the package."""

    name: str
    question: str
    takes: str
    gives: str
    stage: bool = False  #: one of the nine stages of the flow, as opposed to what they stand on or the doors to them


ROOMS: tuple[Room, ...] = (
    Room("flow", "What is the order?", "-", "this table"),
    Room("errors", "What can go wrong?", "-", "the error tree"),
    Room("settings", "What can be set?", "environment", "settings"),
    Room("base", "What does everything stand on?", "bytes", "digests, canonical JSON, atomic files, names, tables, clock"),
    Room("trust", "Who said it?", "keys", "signed envelopes"),
    Room("model", "What does it compute?", "model bytes, rows", "scores, from an isolated child process"),
    Room("stats", "How sure are we?", "numbers", "counters, intervals, drift, e-values"),
    Room("checklist", "What must be true?", "gonogo.yaml, a pack", "items with requirements", stage=True),
    Room("evidence", "What was measured?", "items, inputs by name", "facts bound to digests", stage=True),
    Room("verdict", "What follows?", "items, evidence, sign-offs", "GO or NO-GO, an approval", stage=True),
    Room("candidate", "Which one?", "training runs", "a comparison, a decision, a certificate", stage=True),
    Room("release", "What do we ship?", "a bundle, an approval", "a sealed, verifiable release", stage=True),
    Room("registry", "Where does it live?", "events", "releases and pointers", stage=True),
    Room("service", "What does it answer?", "verified releases, requests", "predictions, counters", stage=True),
    Room("rollout", "How does traffic move?", "a plan, counters", "routes, a decision", stage=True),
    Room("monitor", "Is it still good?", "counters, a baseline", "signals, alarms", stage=True),
    Room("reports", "How is it shown?", "records", "text, JSON, Markdown, HTML, JUnit, SARIF"),
    Room("operations", "What can be done?", "a verb and its arguments", "records"),
    Room("web", "What does a person look at?", "records", "pages"),
    Room("http", "How do programs ask?", "requests", "operations"),
    Room("cli", "How do people ask?", "words", "operations"),
)

STAGES: tuple[Room, ...] = tuple(room for room in ROOMS if room.stage)


def rank(room: str) -> int:
    """Position of a room in the flow. Raises KeyError for a name that is no room."""
    for position, known in enumerate(ROOMS):
        if known.name == room:
            return position
    raise KeyError(room)
