"""`gonogo alarms`: silence them, say that somebody looks after them, and explain one. What people say is an event of the signed log."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from gonogo import settings
from gonogo.base.clock import parse_stamp, stamp
from gonogo.checklist.demands import did_you_mean
from gonogo.checklist.false_alarms import expected_false_alarms
from gonogo.checklist.load import load_pack
from gonogo.checklist.rules import MonitorPolicy, RuleDeclaration
from gonogo.errors import NotFoundError, UsageError
from gonogo.monitor.alarms.alarm import Alarm
from gonogo.monitor.alarms.answers import EVERY, KIND, LONGEST, Acknowledgement, Answers, Silence, read_answers
from gonogo.monitor.record import last_alarms
from gonogo.monitor.watch import BLIND
from gonogo.operations.watch import last_watch
from gonogo.operations.workspace import Workspace
from gonogo.registry.store import Transaction

BLIND_RULE = RuleDeclaration(**asdict(replace(BLIND, window_seconds=None)) | {"runbook": BLIND.runbook}) if False else None


def policy_of(workspace: Workspace) -> MonitorPolicy:
    """The rules in force. Raises ProjectFileError for a mistake in project or pack."""
    return load_pack(workspace.project.pack, workspace.project).monitor
