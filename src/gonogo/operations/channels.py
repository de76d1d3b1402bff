"""The channels that a project declares: made, shown with how they fare, and tried with a notice that says it is a test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from gonogo.base import catalogue
from gonogo.base.clock import stamp
from gonogo.errors import FaultError, NotFoundError, RefusedError
from gonogo.operations.workspace import Workspace

if TYPE_CHECKING:
    from gonogo.checklist.channels import ChannelDeclaration
    from gonogo.monitor.notice import Channel, Level, Notice

TEST_RULE = "channel-test"


def channels_of(workspace: Workspace) -> dict[str, Channel]:
    """The project's channels by name, each with the levels declared for it."""
    return {declared.name: _channel(workspace, declared) for declared in workspace.project.monitor.channels}


def show_channels(workspace: Workspace) -> dict[str, Any]:
    """`channels`: name, channel, levels and secrets (their places) of each, and, of those that a watch has spoken to, how they fare;
    `nobody`: levels that no channel is told of; `given_up`: what was never told, the last of it."""
    from gonogo.base.secret import Secret
    from gonogo.monitor.notice import LEVELS
    from gonogo.operations.last_watch import last_watch

    record = last_watch(workspace)
    faring = {entry["name"]: entry for entry in record.get("channels", ())}
    rows = [
        {
            "name": declared.name,
            "channel": declared.channel,
            "levels": list(declared.levels),
            "secrets": {key: str(value) for key, value in declared.options.items() if isinstance(value, Secret)},
            **{key: faring.get(declared.name, {}).get(key) for key in ("waiting", "failures", "problem", "pause_seconds")},
        }
        for declared in workspace.project.monitor.channels
    ]
    covered = {level for row in rows for level in row["levels"]}
    return {
        "channels": rows,
        "nobody": [level for level in LEVELS if level not in covered],
        "given_up": record.get("given_up", []),
        "seen": record["time"],
    }


def try_channels(workspace: Workspace, names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Tell the named channels, or all, that this is a test, and that it is over. For each `name` and the `problem`, "" when it was taken.

    What rings is over at once, so that no incident stays open. Raises NotFoundError for a name that no channel has.
    """
    channels = channels_of(workspace)
    for name in names:
        if name not in channels:
            raise NotFoundError(f"no channel is called {name!r} here.", hint=f"Known: {', '.join(channels) or 'none'}.")
    chosen = {name: channel for name, channel in channels.items() if not names or name in names}
    return [{"name": name, "problem": _tried(workspace, channel)} for name, channel in chosen.items()]


def _tried(workspace: Workspace, channel: Channel) -> str:
    try:
        for notice in _test_notices(workspace, channel.levels[0]):
            channel.send(notice)
    except (FaultError, RefusedError) as error:
        return str(error)
    return ""


def _test_notices(workspace: Workspace, level: Level) -> list[Notice]:
    from gonogo import settings
    from gonogo.monitor.notice import Notice

    now = stamp(workspace.clock.now())
    who = settings.actor()
    texts = {
        "fired": f"TEST of the alarms of {workspace.project.system}, asked for by {who}: nothing is wrong, nothing is to be done.",
        "resolved": f"TEST of the alarms of {workspace.project.system}: over.",
    }
    return [
        Notice(f"{TEST_RULE}#{now}#{kind}", TEST_RULE, cast("Any", kind), TEST_RULE, level, "test", {}, None, 0.0, 0, now, text)
        for kind, text in texts.items()
    ]


def _channel(workspace: Workspace, declared: ChannelDeclaration) -> Channel:
    kind = catalogue.load("channels", declared.channel)
    made: Channel = kind(workspace.alarms_file) if declared.channel == "file" else kind(workspace.project.system, **declared.options)
    made.levels = cast("tuple[Level, ...]", declared.levels)
    return made
