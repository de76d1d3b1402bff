"""A browser without a screen, for tests of the dashboard: keeps its cookie, follows nothing."""

from __future__ import annotations

import html
import http.client
import re
from urllib.parse import urlencode

FORM = "application/x-www-form-urlencoded"


class Visitor:
    def __init__(self, url: str) -> None:
        self.host = url.removeprefix("http://").rstrip("/")
        self.cookie = ""

    def ask(self, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, dict[str, str], str]:
        return self.send(
            method, path, None if form is None else urlencode(form), **({} if form is None else {"Content-Type": FORM}) | headers
        )

    def send(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection(self.host, timeout=20)
        own = {"Cookie": self.cookie} if self.cookie else {}
        try:
            connection.request(method, path, body, own | headers)
            answer = connection.getresponse()
            told = dict(answer.getheaders())
            return answer.status, told, answer.read().decode()
        finally:
            connection.close()

    def sign_in(self, key: str) -> tuple[int, dict[str, str], str]:
        answer = self.ask("POST", "/sign-in", {"key": key})
        if "Set-Cookie" in answer[1]:
            self.cookie = answer[1]["Set-Cookie"].partition(";")[0]
        return answer

    def hidden(self, path: str) -> dict[str, str]:
        """What the page about an action sends along."""
        return {
            name: html.unescape(value)
            for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', self.ask("GET", path)[2])
        }

    def token(self, path: str = "/act/silence?alarm=drift") -> str:
        return self.hidden(path)["token"]

    def act(self, verb: str, **form: str) -> str:
        """Ask for an action, confirm it, and say what it came to, at once."""
        return self.confirm(verb, {**self.hidden(f"/act/{verb}"), **form})

    def confirm(self, verb: str, form: dict[str, str]) -> str:
        code, headers, body = self.ask("POST", f"/act/{verb}", form)
        assert code == 303, body
        return self.said(headers["Location"])

    def said(self, path: str = "/") -> str:
        found = re.search(r'<p class="flash \w+" role="status">(.*?)</p>', self.ask("GET", path)[2], re.DOTALL)
        return html.unescape(found[1]) if found else ""
