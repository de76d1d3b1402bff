"""A service with the small release, for all tests of its pages."""

import http.client
import json
from types import SimpleNamespace

import pytest

from gonogo.release.contents import Bundle
from supervised import serving


@pytest.fixture(scope="session")
def small(sealed, tmp_path_factory):
    """A whole service of one worker (`port`, `url`) and its `bundle`."""
    with serving(tmp_path_factory.mktemp("pages"), sealed) as service:
        service.start()
        folder = sealed / "releases" / "small-1.0.0" / "bundle"
        yield SimpleNamespace(port=service.port, url=service.url, service=service, bundle=Bundle.open(folder))


@pytest.fixture
def ask(small):
    """Ask the worker: status, headers in lower case, and the body, read when it is JSON."""

    def asked(method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", small.port, timeout=30)
        text = body if body is None or isinstance(body, bytes | str) else json.dumps(body)
        connection.request(method, path, text, headers or ({} if body is None else {"content-type": "application/json"}))
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return SimpleNamespace(
            status=answer.status,
            headers=found,
            body=data,
            json=json.loads(data) if "json" in found.get("content-type", "") and data else None,
        )

    return asked
