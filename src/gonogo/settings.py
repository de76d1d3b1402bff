"""Every setting of the product, as one table: name, environment variable, default, unit, help.

The command line, the service, the documents and the tests read this table; a setting that is not here does not exist.
The key that `gonogo predict` and `loadtest` show a service is a secret and none of them: GONOGO_API_KEY.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from gonogo.errors import UsageError


@dataclass(frozen=True)
class Setting:
    name: str
    default: float | str
    unit: str
    help: str

    @property
    def env(self) -> str:
        return "GONOGO_" + self.name.upper()


SETTINGS: tuple[Setting, ...] = (
    Setting("child_seconds", 300.0, "s", "longest an isolated child may run"),
    Setting("child_memory", 4096.0, "MiB", "most memory an isolated child may take"),
    Setting("check_seconds", 600.0, "s", "longest a command of the project (tests, lint) may run"),
    Setting("check_memory", 8192.0, "MiB", "most memory that a check, or a process of such a command, may take"),
    Setting("measure_seconds", 3600.0, "s", "longest one check may take"),
    Setting("request_body", 1.0, "MiB", "largest body of a request; when not set, more where eight rows as JSON need it"),
    Setting("connections", 10000.0, "connections", "most open connections of a worker; fewer where it may open fewer files"),
    Setting("idle_seconds", 75.0, "s", "longest a connection may be silent between requests"),
    Setting("request_rows", 1000.0, "rows", "most rows in one request"),
    Setting("model_seconds", 10.0, "s", "longest a request waits for its prediction"),
    Setting("arm_deadline", 0.5, "s", "longest the stable arm waits for the other arm before it answers itself"),
    Setting("drain_seconds", 30.0, "s", "longest a leaving worker keeps its connections"),
    Setting("breaker_requests", 20.0, "requests", "fewest requests in the window before the breaker judges an arm"),
    Setting("breaker_window", 5.0, "s", "window of the breaker"),
    Setting("breaker_share", 0.5, "share", "share of bad answers at which the breaker takes an arm off"),
    Setting("start_seconds", 30.0, "s", "longest a release may take to start"),
    Setting("environment_seconds", 900.0, "s", "longest the packages of a release's own environment may take to install"),
    Setting("ack_seconds", 2.0, "s", "a worker that does not take over a new table for this long is replaced"),
    Setting("silence_seconds", 5.0, "s", "a worker that says nothing for this long is replaced"),
    Setting("lease_seconds", 5.0, "s", "a controller that is silent for this long may be replaced"),
    Setting("tick_seconds", 0.2, "s", "how often a rollout's controller looks"),
    Setting("watch_seconds", 2.0, "s", "how often a service looks at its own signals and alarms"),
    Setting("golden_seconds", 300.0, "s", "how often every process in service computes its release's golden requests again"),
    Setting("otlp", "", "address", "where metrics are sent by OpenTelemetry, such as `http://127.0.0.1:4318`; default: nowhere"),
    Setting("otlp_seconds", 15.0, "s", "how often metrics are sent by OpenTelemetry"),
    Setting("duty_seconds", 60.0, "s", "how often a service looks whether a review is due or a training is asked for"),
    Setting("retrain_seconds", 21600.0, "s", "longest a step of a training may run"),
    Setting("rate_limits", "", "requests/s", "limits of callers by role, such as `reader=500 operator=20`; default: none"),
    Setting("log_size", 64.0, "MiB", "size at which a service's log is set aside; three older ones are kept"),
    Setting("project", ".", "folder", "the project whose release the ASGI application serves"),
    Setting("ref", "", "reference", "the release that the ASGI application serves; default: what is in production"),
    Setting("keys", "~/.config/gonogo/keys", "folder", "where `gonogo key new` puts private keys"),
    Setting("actor", "", "name", "who acts, as the audit log records it; default: the login name"),
)

NUMBER_BYTES, BODY_ROWS = 24, 8  #: of a number in JSON with its comma and a space; rows that a body has room for

_BY_NAME = {setting.name: setting for setting in SETTINGS}


def number(name: str, environment: Mapping[str, str] | None = None) -> float:
    """A setting's value as a number, from the environment or its default. Raises UsageError when it is no positive number."""
    setting = _BY_NAME[name]
    text = (os.environ if environment is None else environment).get(setting.env)
    if text is None:
        return float(setting.default)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise UsageError(f"{setting.env}={text!r} is not a positive number ({setting.unit}): {setting.help}.")
    return value


_ACTING: ContextVar[str] = ContextVar("acting", default="")


@contextmanager
def acting(name: str) -> Iterator[None]:
    """What this thread does meanwhile, it does for `name`: somebody at a door of ours who has shown who they are."""
    before = _ACTING.set(name)
    try:
        yield
    finally:
        _ACTING.reset(before)


def request_body(width: int = 0) -> int:
    """The largest body of a request in bytes, for a model that takes `width` numbers a row: `request_body` where it is set. Where it is
    not, eight rows as JSON fit, which golden requests of several rows are fewer than."""
    said = int(number("request_body") * 2**20)
    return said if _BY_NAME["request_body"].env in os.environ else max(said, BODY_ROWS * NUMBER_BYTES * width)


def actor(environment: Mapping[str, str] | None = None) -> str:
    """Who acts: the one that `acting` names, or GONOGO_ACTOR, or the login name."""
    if _ACTING.get():
        return _ACTING.get()
    given = (os.environ if environment is None else environment).get("GONOGO_ACTOR", "")
    if given:
        return given
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid-{os.getuid()}"


def text(name: str, environment: Mapping[str, str] | None = None) -> str:
    """A setting's value as text, from the environment or its default."""
    setting = _BY_NAME[name]
    return (os.environ if environment is None else environment).get(setting.env, str(setting.default))
