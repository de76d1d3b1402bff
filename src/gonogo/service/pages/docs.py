"""`/docs`: one small page with this model's features as a form, and examples that can be copied. Nothing comes from elsewhere.

The content security policy allows the page's own style and script by their digests and requests to this service, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import pprint
import re
import shlex
from collections.abc import Sequence
from functools import cache
from typing import Any

from gonogo.service.door.exchange import Exchange
from gonogo.service.pages.features import Told, told_features
from gonogo.service.pages.page import Host

HTML = b"text/html; charset=utf-8"
#: A host that may stand in an example which somebody copies into a shell.
HOST = re.compile(rb"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
PYTHON = """\
import json
import urllib.request

row = {row}
body = json.dumps({{"features": row}}).encode()
request = urllib.request.Request("{origin}/predict", body, {{"content-type": "application/json"}})
with urllib.request.urlopen(request) as response:
    print(json.load(response)["predictions"])
"""
#: Where a row is too long to be read: the example is asked for.
LONG = """\
import json
import urllib.request

with urllib.request.urlopen("{origin}/model_info") as response:
    row = {{one["name"]: one["example"] for one in json.load(response)["features"]}}
body = json.dumps({{"features": row}}).encode()
request = urllib.request.Request("{origin}/predict", body, {{"content-type": "application/json"}})
with urllib.request.urlopen(request) as response:
    print(json.load(response)["predictions"])
"""


class DocsPage:
    """The page of one release. `listed` are all requests that can be made, with what they give."""

    def __init__(self, host: Host, listed: Sequence[tuple[str, str]], *, explains: bool) -> None:
        self._host = host
        self._listed = listed
        self._explains = explains

    def page(self, exchange: Exchange) -> None:
        said = exchange.headers.get(b"host", b"")
        origin = f"http://{said.decode()}" if HOST.fullmatch(said) else "http://127.0.0.1"
        style, script, _ = _parts()
        policy = (
            f"content-security-policy: default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; connect-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
            "x-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\ncache-control: no-store\r\n"
        )
        body = self.html(origin).encode()
        exchange.answer(200, body, content_type=HTML, headers=self._host.own_headers + policy.encode())

    def html(self, origin: str) -> str:
        """The page, with examples that ask `origin`."""
        served = self._host.served
        features = told_features(served)
        row = {told.name: told.example for told in features}
        style, script, template = _parts()
        return str(
            template.render(
                release=served.release,
                digest=served.digest,
                task=served.schema.task,
                classes=served.schema.classes,
                features=features,
                explains=self._explains,
                origin=origin,
                curl=_curl(origin, row, served.schema.has_tensors),
                python=(LONG if served.schema.has_tensors else PYTHON).format(
                    origin=origin, row=pprint.pformat(row, sort_dicts=False, width=100)
                ),
                routes=self._listed,
                about=_about(features),
                style=style,
                script=script,
            )
        )


def _curl(origin: str, row: dict[str, Any], is_long: bool) -> str:
    if is_long:
        program = (
            'import json, sys; print(json.dumps({"features": {one["name"]: one["example"] for one in json.load(sys.stdin)["features"]}}))'
        )
        return (
            f"curl --silent {origin}/model_info \\\n  | python3 -c {shlex.quote(program)} \\\n"
            f"  | curl --fail-with-body {origin}/predict --header 'content-type: application/json' --data @-"
        )
    body = shlex.quote(json.dumps({"features": row}, ensure_ascii=False))
    return f"curl --fail-with-body {origin}/predict \\\n  --header 'content-type: application/json' \\\n  --data {body}"


def _about(features: Sequence[Told]) -> Any:
    """What the script knows of the features: JSON that cannot end the element it stands in."""
    from markupsafe import Markup

    told = [
        {"name": one.name, "type": one.feature.type, "nullable": one.nullable, "example": one.example, "tensor": bool(one.shape)}
        for one in features
    ]
    return Markup(json.dumps({"features": told}).replace("<", "\\u003c"))  # noqa: S704 - no "<" is left in it


@cache
def _parts() -> tuple[Any, Any, Any]:
    """Style, script and template. Only a process that shows the page reads them."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("gonogo.service.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    loader = environment.loader
    assert loader is not None
    style, script = (Markup(loader.get_source(environment, name)[0]) for name in ("docs.css", "docs.js"))  # noqa: S704 - our own files
    return style, script, environment.get_template("docs.html")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
