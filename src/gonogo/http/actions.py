"""What an operator may do from the dashboard: the same operations as on the command line, recorded under the name of their key.

An action is shown with what it will do and asks for a reason; it is done by a POST with the session's token. One is done at a time, in a
thread of its own: what takes longer than somebody waits for goes on, and what it came to is told at the next page.
"""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from urllib.parse import parse_qsl

from gonogo import settings
from gonogo.errors import GonogoError
from gonogo.http.sessions import Session
from gonogo.operations.workspace import Workspace

_log = logging.getLogger(__name__)

WAIT = 5.0  #: seconds that somebody waits for what an action comes to
MOST_REASON = 500
Form = Mapping[str, str]


@dataclass(frozen=True)
class Action:
    """`asks` are the fields of its form besides the reason: hours, note, file. `about` names the query's value that it is about."""

    title: str
    effect: str
    button: str
    perform: Callable[[Workspace, Form], str]
    about: str = ""
    reason: bool = True
    asks: str = ""
    danger: bool = False


def _abort(workspace: Workspace, form: Form) -> str:
    from gonogo.operations.rollout import abort

    done = abort(workspace, reason=form["reason"])
    return f"The rollout {done.id} is {done.state}: {done.reason}"


def _pause(workspace: Workspace, form: Form) -> str:
    from gonogo.operations.rollout import pause

    return f"The rollout {pause(workspace, reason=form['reason'])['id']} is paused. Its shares stay as they are."


def _resume(workspace: Workspace, form: Form) -> str:
    from gonogo.operations.rollout import resume

    done = resume(workspace)
    return f"The rollout {done.id} is {done.state}: {done.reason}"


def _promote(workspace: Workspace, form: Form) -> str:
    from gonogo.operations.rollout import promote

    done = promote(workspace, reason=form["reason"])
    return f"The rollout {done['id']} goes on to {done['new']} without waiting for the judge."


def _rollback(workspace: Workspace, form: Form) -> str:
    from gonogo.operations.rollback import rollback

    done = rollback(workspace, to=form.get("to") or None, reason=form["reason"])
    return f"{done.new} takes the traffic ({done.state}); {'; '.join(done.figures)}"


def _acknowledge(workspace: Workspace, form: Form) -> str:
    from gonogo.operations.alarms import acknowledge

    done = acknowledge(workspace, form["alarm"], note=form["reason"])
    return f"{done[0].by} looks after {', '.join(one.key for one in done)}."


def _silence(workspace: Workspace, form: Form) -> str:
    from gonogo.errors import UsageError
    from gonogo.operations.alarms import silence

    try:
        hours = float(form.get("hours", ""))
    except ValueError:
        raise UsageError("a silence lasts for a number of hours.", hint="For example 2.") from None
    done = silence(workspace, form["alarm"], hours=hours, reason=form["reason"])
    return f"{done.rule} is silent until {done.until}."


def _unsilence(workspace: Workspace, form: Form) -> str:
    from gonogo.operations.alarms import unsilence

    return f"The silence of {unsilence(workspace, form['silence']).rule} is over."


def _signature(workspace: Workspace, form: Form) -> str:
    from gonogo.operations.sign_elsewhere import import_answer

    with tempfile.TemporaryDirectory(prefix="gonogo-answer-") as folder:
        file = Path(folder) / "answer.json"
        file.write_text(form["file"], encoding="utf-8")
        return f"Recorded: {'; '.join(import_answer(workspace, file)) or 'nothing, it holds no signature'}"


ACTIONS: Mapping[str, Action] = {
    "abort": Action(
        "Abort the rollout", "All traffic goes back to the old release, at once. The new one gets none.", "Abort", _abort, danger=True
    ),
    "pause": Action(
        "Pause the rollout", "The shares stay as they are until somebody resumes. What goes wrong still goes back.", "Pause", _pause
    ),
    "resume": Action(
        "Resume the rollout", "A pause is lifted; where nobody drives the rollout, this service does.", "Resume", _resume, reason=False
    ),
    "promote": Action(
        "Promote", "The next step is taken without waiting for the judge's evidence of safety.", "Promote", _promote, danger=True
    ),
    "rollback": Action(
        "Roll back",
        "All traffic goes to the release that was in production before (or to one that you name).",
        "Roll back",
        _rollback,
        asks="to",
        danger=True,
    ),
    "acknowledge": Action(
        "Acknowledge an alarm", "Says that you look after it: it is not escalated further.", "Acknowledge", _acknowledge, "alarm"
    ),
    "silence": Action(
        "Silence alarms",
        "Nobody is told of the alarms of this rule until then. They are still judged.",
        "Silence",
        _silence,
        "alarm",
        asks="hours",
    ),
    "unsilence": Action("End a silence", "From now on people are told again.", "End it", _unsilence, "silence", reason=False),
    "signature": Action(
        "Upload a signature",
        "An answer of `gonogo sign --answer`, made on another machine, is verified and recorded.",
        "Upload",
        _signature,
        reason=False,
        asks="file",
    ),
}


class Acting:
    """Does actions, one at a time."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._busy = threading.Lock()

    def do(self, verb: str, form: Form, session: Session) -> None:
        """Do it for the session's name; what it came to is told in the session. What is missing in the form is told too."""
        action = ACTIONS[verb]
        if action.reason and verb != "acknowledge" and not form.get("reason", "").strip():
            session.tell("Nothing was done: give a reason.", failed=True)
            return
        missing = [name for name in (action.about, "file" if action.asks == "file" else "") if name and not form.get(name)]
        if missing:
            session.tell(f"Nothing was done: {', '.join(missing)} is missing.", failed=True)
            return
        if not self._busy.acquire(blocking=False):
            session.tell("Nothing was done: another action is under way.", failed=True)
            return
        whole = {**form, "reason": form.get("reason", "").strip()[:MOST_REASON]}
        session.tell(f"{action.title}: under way.")
        thread = threading.Thread(target=self._run, args=(action, whole, session), name=f"act-{verb}", daemon=True)
        thread.start()
        thread.join(WAIT)

    def _run(self, action: Action, form: Form, session: Session) -> None:
        try:
            with settings.acting(session.name):
                session.tell(action.perform(self._workspace, form))
        except GonogoError as error:
            session.tell(str(error), failed=True)
        except Exception:  # the boundary of the thread
            _log.exception("%s by %s failed", action.title, session.name)
            session.tell(f"{action.title} failed; the log of the service says why.", failed=True)
        finally:
            self._busy.release()


def read_form(kind: str, body: bytes) -> dict[str, str]:
    """The fields of a form, those of a file too. What is no form has none."""
    if kind.partition(";")[0].strip() == "application/x-www-form-urlencoded":
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=40))
    if not kind.startswith("multipart/form-data"):
        return {}
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode("latin-1", "replace") + b"\r\n\r\n" + body)
    fields = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = content.decode("utf-8", "replace")
    return fields
