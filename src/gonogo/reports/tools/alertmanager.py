"""Alertmanager's own file: whom each level wakes, from the channels that the project declares, and which alerts say nothing new.

What is critical goes to the pager, a warning to the chat, and info to nobody: it stands on the dashboards. The pager are all channels that
are told of what is critical, the chat those of warnings. Inhibition is that of `monitor/alarms/inhibition.py`. An alert of a level that
nobody knows goes to the pager.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gonogo.base.secret import Secret
from gonogo.checklist.channels import ChannelDeclaration
from gonogo.reports.tools.prometheus import as_yaml, duration, head

FILE = "alertmanager.yml"
SECRETS = "/etc/alertmanager/secrets"  #: where what gonogo has from the environment is to be put: Alertmanager reads files only
RECEIVERS = {"critical": "pager", "warning": "chat", "info": "nobody"}
APART = ("system", "signal", "release", "feature", "quantile", "level", "slice", "class")  #: labels that tell readings apart
DOWN = ("unreachable", "health")  #: signals that say: down. The first one is of the service, the second of a release
GROUP_WAIT, GROUP_EVERY = "5s", "1m"


def alertmanager_file(system: str, channels: Sequence[ChannelDeclaration], repeat_seconds: float) -> str:
    """A whole alertmanager.yml."""
    told = {level: [declared for declared in channels if level in declared.levels and declared.channel in TOLD] for level in RECEIVERS}
    route = {
        "receiver": RECEIVERS["critical"],
        "group_by": ["system", "alertname", "release"],
        "group_wait": GROUP_WAIT,
        "group_interval": GROUP_EVERY,
        "repeat_interval": duration(repeat_seconds),
        "routes": [{"matchers": [f'severity="{level}"'], "receiver": receiver} for level, receiver in RECEIVERS.items()],
    }
    receivers = [_receiver(name, told[level] if level != "info" else []) for level, name in RECEIVERS.items()]
    document = {"route": route, "inhibit_rules": inhibitions(), "receivers": receivers}
    return head("alertmanager", system) + _notes(told, channels) + as_yaml(document)


def inhibitions() -> list[dict[str, Any]]:
    """A higher level before a lower one of the same signal and labels; a service that is down before everything of it, a release that is
    down before everything of that release but what is said of the service."""
    service, release = DOWN

    def inhibits(source: Sequence[str], target: Sequence[str], equal: Sequence[str]) -> dict[str, Any]:
        return {"source_matchers": list(source), "target_matchers": list(target), "equal": list(equal)}

    return [
        inhibits(['severity="critical"'], ['severity=~"warning|info"'], APART),
        inhibits(['severity="warning"'], ['severity="info"'], APART),
        inhibits([f'signal="{service}"', 'severity="critical"'], [f'signal!="{service}"'], ["system"]),
        inhibits([f'signal="{release}"', 'severity="critical"'], [f'signal!~"{service}|{release}"'], ["system", "release"]),
    ]


def _receiver(name: str, told: Sequence[ChannelDeclaration]) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name}
    for declared in told:
        kind, configure = TOLD[declared.channel]
        found.setdefault(kind, []).append({"send_resolved": True, **configure(declared.options)})
    return found


def _notes(told: Mapping[str, Sequence[ChannelDeclaration]], channels: Sequence[ChannelDeclaration]) -> str:
    """What the reader must know or do, as comments."""
    lines = [
        f"Nobody is told of what is {level}: declare a channel for it in gonogo.yaml."
        for level in ("critical", "warning")
        if not told[level]
    ]
    secrets = [
        value for declared in channels for value in declared.options.values() if declared.channel in TOLD and isinstance(value, Secret)
    ]
    lines += [f"Put ${secret.env} into {_place(secret)}, readable by Alertmanager." for secret in secrets if secret.env]
    if any(declared.channel == "webhook" for declared in channels):
        lines.append("Alertmanager does not sign what it posts to a webhook, and posts it in its own form.")
    unknown = [declared.name for declared in channels if declared.channel not in TOLD and declared.channel not in OWN]
    lines += [f"Nothing of Alertmanager's stands in for the channel {name}: it is told by gonogo itself." for name in unknown]
    return "".join(f"# {line}\n" for line in dict.fromkeys(lines))


def _place(secret: Secret) -> str:
    return f"{SECRETS}/{secret.env}" if secret.env else str(secret.file.absolute() if secret.file else "")


def _email(options: Mapping[str, Any]) -> dict[str, Any]:
    login = {"auth_username": options["user"]} if "user" in options else {}
    login |= {"auth_password_file": _place(options["password"])} if "password" in options else {}
    return {
        "to": ", ".join(options["to"]),
        "from": options["sender"],
        "smarthost": f"{options['host']}:{options.get('port', 587)}",
        **login,
        "require_tls": options.get("tls", "starttls") == "starttls",
    }


def _pagerduty(options: Mapping[str, Any]) -> dict[str, Any]:
    return {"routing_key_file": _place(options["routing_key"]), **({"url": options["url"]} if "url" in options else {})}


OWN = ("alertmanager", "file", "log", "memory")  #: need nothing in their place
#: What of Alertmanager's stands in for each channel. The others are gonogo's own.
TOLD: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "email": ("email_configs", _email),
    "pagerduty": ("pagerduty_configs", _pagerduty),
    "slack": ("slack_configs", lambda options: {"api_url_file": _place(options["url"])}),
    "webhook": ("webhook_configs", lambda options: {"url": options["url"]}),
}
