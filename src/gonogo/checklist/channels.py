"""`monitor.channels` of gonogo.yaml: where alarms are told, of which levels, and where each channel's secrets are.

    channels:
      - file
      - {channel: slack, options: {url: {env: SLACK_URL}}}
      - {channel: pagerduty, name: nights, levels: [critical], options: {routing_key: {file: secrets/pager}}}

A channel's class says which options it takes, as JSON Schema by name (`options`), and which of them it needs (`needs`). Secrets never stand
in the file: they are in the environment, or in a file that is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from gonogo.base.catalogue import CATALOGUE, load, names
from gonogo.base.secret import SECRET, Secret
from gonogo.base.yaml_source import Path_, YamlSource
from gonogo.checklist.demands import did_you_mean
from gonogo.checklist.schema_words import section, text
from gonogo.checklist.shape import check_value

LEVELS = ("critical", "warning", "info")
#: A channel with its options. Which options are a channel's own is known to its class.
CHANNEL = section(
    "a channel",
    {
        "channel": text("what it is", examples=["slack"]),
        "name": text("what it is called here; default: what it is", pattern="^[a-z0-9][a-z0-9-]{0,62}$", examples=["nights"]),
        "levels": {
            "type": "array",
            "items": {"type": "string", "enum": list(LEVELS)},
            "minItems": 1,
            "uniqueItems": True,
            "description": "which alarms it is told of; default: what such a channel is for",
            "examples": ["[critical]"],
        },
        "options": {
            "type": "object",
            "description": "what the channel needs, secrets as `{env: VARIABLE}` or `{file: PATH}`: docs/how-to-channels.md",
            "properties": {},
            "additionalProperties": {
                "anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "array", "items": {"type": "string"}}, SECRET]
            },
            "examples": ["{url: {env: SLACK_URL}}"],
        },
    },
    ("channel",),
)


class ChannelClass(Protocol):
    """What is asked of a channel's class before there is a channel."""

    options: Mapping[str, Mapping[str, Any]]
    needs: Sequence[str]
    levels: tuple[str, ...]


@dataclass(frozen=True)
class ChannelDeclaration:
    """One channel: its name here, its name in the catalogue, the levels it is told of, and its options, secrets as places."""

    name: str
    channel: str
    levels: tuple[str, ...] = LEVELS
    options: Mapping[str, Any] = field(default_factory=dict)


def read_channels(source: YamlSource, at: Path_, entries: Sequence[str | Mapping[str, Any]], root: Path) -> tuple[ChannelDeclaration, ...]:
    """Channels from data of the schema's shape; files of secrets start at `root`. Raises ProjectFileError."""
    found: dict[str, ChannelDeclaration] = {}
    for index, entry in enumerate(entries):
        where = (*at, index)
        declared = _read(source, where, {"channel": entry} if isinstance(entry, str) else entry, root)
        if declared.name in found:
            raise source.error(where, f"two channels are called {declared.name!r}.", hint="Give one of them another `name`.")
        found[declared.name] = declared
    return tuple(found.values())


def _read(source: YamlSource, at: Path_, entry: Mapping[str, Any], root: Path) -> ChannelDeclaration:
    channel = entry["channel"]
    kind = _class(source, (*at, "channel") if (*at, "channel") in source.positions else at, channel)
    given, below = entry.get("options", {}), (*at, "options") if "options" in entry else at
    for key, value in given.items():
        if kind.options.get(key) == SECRET and not isinstance(value, Mapping):
            raise source.error(
                (*below, key), f"{channel}: a secret does not stand in this file.", hint=f"Name its place: `{key}: {{env: VARIABLE}}`."
            )
    about = {"type": "object", "properties": dict(kind.options), "required": list(kind.needs), "additionalProperties": False}
    check_value(source, below, given, about)
    options = {key: _secret(source, (*below, key), value, root) if kind.options[key] == SECRET else value for key, value in given.items()}
    return ChannelDeclaration(
        name=entry.get("name", channel),
        channel=channel,
        levels=tuple(level for level in LEVELS if level in entry.get("levels", kind.levels)),
        options={key: tuple(value) if isinstance(value, list) else value for key, value in options.items()},
    )


def _class(source: YamlSource, at: Path_, channel: str) -> ChannelClass:
    if channel not in CATALOGUE["channels"] and channel not in names("channels"):
        raise source.error(at, f"no channel is called {channel!r}.", hint=did_you_mean(channel, names("channels")))
    try:
        found: ChannelClass = load("channels", channel)
    except Exception as error:  # a third party's module may fail in any way
        if channel in CATALOGUE["channels"]:
            raise
        raise source.error(at, f"the channel {channel!r} cannot be loaded: {error!r}.", hint="Mend or remove its package.") from error
    return found


def _secret(source: YamlSource, at: Path_, value: Mapping[str, str], root: Path) -> Secret:
    if len(value) != 1:
        raise source.error(at, "a secret is in one place.", hint="Give `env` or `file`, not both.")
    return Secret(value.get("env"), root / value["file"] if "file" in value else None)
