"""Any server of one's own, told as the Standard Webhooks say (standardwebhooks.com, version 1.0): signed, dated, with an id.

    webhook-id          stays the same when the notice is sent again: take each id once
    webhook-timestamp   seconds since 1970 of this attempt: refuse what is older than some minutes
    webhook-signature   v1,BASE64 of HMAC-SHA256 over "id.timestamp.body", with the shared key

The key never travels, so the address may be http. The body is {"type": "alarm.KIND", "timestamp", "data": the notice and its system}.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.base.secret import SECRET, Secret
from gonogo.errors import FaultError
from gonogo.monitor.notice import Level, Notice
from gonogo.monitor.sending import post

PREFIX = "whsec_"
LEAST_KEY, MOST_KEY = 24, 64  #: bytes, as the specification demands


class WebhookChannel:
    """Posts signed JSON. `url` may be a secret, too, when the address itself lets one in."""

    levels: tuple[Level, ...] = ("critical", "warning")
    options: ClassVar[Mapping[str, Any]] = {
        "url": {"type": "string", "minLength": 1, "description": "where to post", "examples": ["https://ops.example.com/alarms"]},
        "key": {**SECRET},
    }
    needs: ClassVar[tuple[str, ...]] = ("url", "key")

    def __init__(self, system: str, *, url: str, key: Secret) -> None:
        self._system, self._url, self._key = system, url, key

    def send(self, notice: Notice) -> None:
        """Raises FaultError, RefusedError."""
        text = self._key.read()
        about = {"type": f"alarm.{notice.kind}", "timestamp": notice.time, "data": {"system": self._system, **notice.to_json()}}
        body = json.dumps(about, ensure_ascii=False, allow_nan=False).encode()
        number, moment = message_id(self._system, notice), str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "webhook-id": number,
            "webhook-timestamp": moment,
            "webhook-signature": signature(_key(text), number, moment, body),
        }
        post(self._url, body, headers, secrets=(text,), open_to_all=True)


def message_id(system: str, notice: Notice) -> str:
    """The same for the same notice, on every attempt and in every process."""
    return "msg_" + hashlib.sha256(f"{system}\n{notice.id}".encode()).hexdigest()[:32]


def signature(key: bytes, number: str, moment: str, body: bytes) -> str:
    digest = hmac.digest(key, f"{number}.{moment}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(digest).decode()


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not LEAST_KEY <= len(key) <= MOST_KEY:
        raise FaultError(
            f"the webhook's key is not {PREFIX} and {LEAST_KEY} to {MOST_KEY} bytes in base64.",
            hint=f'Make one: echo "{PREFIX}$(openssl rand -base64 32)"',
        )
    return key
