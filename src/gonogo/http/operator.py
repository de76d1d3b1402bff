"""The operator's paths: signing in and out, and doing what `actions.py` lists, each after a page that says what will be done.

Whatever changes something is a POST of a page of ours: of the same origin, with a session, and with the token of that session.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from gonogo.http.actions import ACTIONS, Acting
from gonogo.http.door import HTML, Answer, Asked, refusal
from gonogo.http.forms import FormRefusedError, read_form, read_plain_form
from gonogo.http.sessions import Refused, Session, Sessions
from gonogo.web.dashboard import Frame, render_form


class Framed(Protocol):
    def __call__(self, session: Session | None = None, *, telling: bool = True) -> Frame: ...


class Operator:
    """`framed` gives the frame of a page for a session; `facts` what a page about an action shows besides; `known` says which paths there
    are to go back to."""

    def __init__(
        self, sessions: Sessions, acting: Acting, framed: Framed, facts: Callable[[], Mapping[str, Any]], known: Callable[[str], bool]
    ) -> None:
        self.sessions = sessions
        self._acting = acting
        self._framed = framed
        self._facts = facts
        self._known = known

    @staticmethod
    def methods(path: str) -> tuple[str, ...]:
        if path == "/sign-out":
            return ("POST",)
        return ("GET", "POST") if path == "/sign-in" or (path.startswith("/act/") and path[5:] in ACTIONS) else ()

    def answer(self, asked: Asked) -> Answer:
        if asked.method == "POST" and not asked.same_origin:
            return refusal(403, "this form was sent by another site")
        try:
            return self._answer(asked)
        except FormRefusedError as refused:
            return refusal(400, str(refused))

    def _answer(self, asked: Asked) -> Answer:
        if asked.path == "/sign-in":
            return self._sign_in(asked)
        session = self.sessions.of(asked.headers)
        if asked.method == "POST":
            return self._posted(asked, session)
        if session is None:
            query = urlencode(asked.query)
            return _to(f"/sign-in?next={quote(asked.path + ('?' + query if query else ''))}")
        return self._ask(asked, session)

    def _posted(self, asked: Asked, session: Session | None) -> Answer:
        if session is None:
            return refusal(401, "sign in first")
        form = read_form(asked.headers.get("content-type", ""), asked.body)
        if not hmac.compare_digest(form.get("token", "").encode(), session.token.encode()):
            return refusal(403, "this form is not of your session; load the page again")
        if asked.path == "/sign-out":
            self.sessions.sign_out(asked.headers)
            return _to("/", self.sessions.cookie(""))
        verb = asked.path[5:]
        self._acting.do(verb, form, session)
        return _to({"signature": "/checklist", "unsilence": "/alarms"}.get(verb, "/"))

    def _sign_in(self, asked: Asked) -> Answer:
        if asked.method != "POST":
            return self._form(asked.query.get("next", "/"), "")
        form = read_plain_form(asked.headers.get("content-type", ""), asked.body)
        try:
            _, token = self.sessions.sign_in(form.get("key", ""), asked.headers)
        except Refused as refused:
            wait = (("Retry-After", str(math.ceil(refused.wait))),) if refused.wait else ()
            page = self._form(form.get("next", "/"), refused.why)
            return Answer(page.body, HTML, 429 if refused.wait else 403, wait)
        return _to(self._local(form.get("next", "/")), self.sessions.cookie(token))

    def _form(self, there: str, problem: str) -> Answer:
        return Answer(render_form("sign-in", {"next": self._local(there), "problem": problem}, self._framed(None)).encode())

    def _ask(self, asked: Asked, session: Session) -> Answer:
        verb = asked.path[5:]
        action = ACTIONS[verb]
        about = asked.query.get(action.about, "") if action.about else ""
        view = {"verb": verb, "action": action, "about": about, **self._facts()}
        return Answer(render_form("act", view, self._framed(session, telling=asked.method != "HEAD")).encode())

    def _local(self, there: str) -> str:
        """A path of ours, or the first page."""
        path = there.partition("?")[0]
        return there if there.isascii() and there.isprintable() and (self._known(path) or self.methods(path)) else "/"


def _to(there: str, *headers: tuple[str, str]) -> Answer:
    return Answer(b"", HTML, 303, (("Location", there), *headers))
