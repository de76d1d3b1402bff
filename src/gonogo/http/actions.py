"""What an operator may do from the dashboard: the same operations as on the command line, recorded under the name of their key.

An action is shown with what it will do and asks for a reason; it is done by a POST with the session's token, in a thread and a workspace
of its own: what takes longer than somebody waits for goes on, and what it came to is told at the next page. What is said to a rollout waits
for nothing here, since the journal of rollouts puts it in order; of all else one is done at a time. What was asked about another rollout,
or another release in production, than there is now is not done.
"""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gonogo import settings
from gonogo.errors import GonogoError, UsageError
from gonogo.http.driving import go_on
from gonogo.http.sessions import Session
from gonogo.operations.dashboard import Standing
from gonogo.operations.workspace import Workspace

_log = logging.getLogger(__name__)

WAIT = 5.0  #: seconds that somebody waits for what an action comes to
MOST_REASON = 500
Form = Mapping[str, str]


@dataclass(frozen=True)
class Action:
    """`asks` are the fields of its form besides the reason: hours, to, file. `about` names the query's value that it is about. `moves`: it
    is said to the rollout or moves traffic."""

    title: str
    effect: str
    button: str
    perform: Callable[[Workspace, Form], str]
    about: str = ""
    reason: bool = True
    asks: str = ""
    danger: bool = False
    moves: bool = False


def _abort(workspace: Workspace, form: Form) -> str:
    from gonogo.operations.rollout import abort

    done = abort(workspace, reason=form["reason"])
    return f"The rollout {done.id} is {done.state}: {done.reason}"


def _pause(workspace: Workspace, form: Form) -> str:
    from gonogo.operations.rollout import pause

    return f"The rollout {pause(workspace, reason=form['reason'])['id']} is paused. Its shares stay as they are."


def _resume(workspace: Workspace, form: Form) -> str:
    done = go_on(workspace, "resume", form["reason"])
    return f"The rollout {done.id} goes on."


def _promote(workspace: Workspace, form: Form) -> str:
    done = go_on(workspace, "promote", form["reason"])
    return f"The rollout {done.id} goes on to {done.plan.new} without waiting for the judge."


def _rollback(workspace: Workspace, form: Form) -> str:
    from gonogo.operations.rollback import rollback

    done = rollback(workspace, to=form.get("to") or None, reason=form["reason"])
    if not done.completed:
        return f"Nothing was gone back to ({done.state}): {done.reason}"
    return f"{done.new} takes the traffic ({done.state}); {'; '.join(done.figures)}"


def _acknowledge(workspace: Workspace, form: Form) -> str:
    from gonogo.operations.alarms import acknowledge

    done = acknowledge(workspace, form["alarm"], note=form["reason"])
    return f"{done[0].by} looks after {', '.join(one.key for one in done)}."


def _silence(workspace: Workspace, form: Form) -> str:
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
        try:
            return f"Recorded: {'; '.join(import_answer(workspace, file)) or 'nothing, it holds no signature'}"
        except GonogoError as error:  # where the file lay meanwhile concerns nobody
            raise UsageError(error.message.replace(f"{folder}/", ""), hint=error.hint.replace(f"{folder}/", "")) from error


ACTIONS: Mapping[str, Action] = {
    "abort": Action(
        "Abort the rollout",
        "All traffic goes back to the old release, at once. The new one gets none.",
        "Abort",
        _abort,
        danger=True,
        moves=True,
    ),
    "pause": Action(
        "Pause the rollout",
        "The shares stay as they are until somebody resumes. What goes wrong still goes back.",
        "Pause",
        _pause,
        moves=True,
    ),
    "resume": Action(
        "Resume the rollout",
        "A pause is lifted; where nobody drives the rollout, this service does.",
        "Resume",
        _resume,
        reason=False,
        moves=True,
    ),
    "promote": Action(
        "Promote",
        "All traffic goes to the new release, past the steps that are left, without waiting for the judge's evidence of safety.",
        "Promote",
        _promote,
        danger=True,
        moves=True,
    ),
    "rollback": Action(
        "Roll back",
        "All traffic goes to the release that is chosen here. A rollout under way is aborted.",
        "Roll back",
        _rollback,
        asks="to",
        danger=True,
        moves=True,
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
    """Does actions. `standing` reads afresh what is live."""

    def __init__(self, workspace: Workspace, standing: Callable[[], Standing]) -> None:
        self._workspace = workspace
        self._standing = standing
        self._busy = threading.Lock()

    def do(self, verb: str, form: Form, session: Session) -> None:
        """Do it for the session's name; what it came to is told in the session. Why it is not done is told too."""
        action = ACTIONS[verb]
        why = self._why_not(verb, action, form)
        if not why and not action.moves and not self._busy.acquire(blocking=False):
            why = "another action is under way."
        if why:
            session.tell(f"Nothing was done: {why}", failed=True)
            return
        whole = {**form, "reason": form.get("reason", "").strip()[:MOST_REASON]}
        session.tell(f"{action.title}: under way.")
        thread = threading.Thread(target=self._run, args=(action, whole, session), name=f"act-{verb}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the machine has no thread left
            self._through(action)
            session.tell("Nothing was done: this machine can begin nothing more now.", failed=True)
            return
        thread.join(WAIT)

    def _why_not(self, verb: str, action: Action, form: Form) -> str:
        if action.reason and verb != "acknowledge" and not form.get("reason", "").strip():
            return "give a reason."
        missing = [name for name in (action.about, "file" if action.asks == "file" else "") if name and not form.get(name)]
        if missing:
            return f"{', '.join(missing)} is missing."
        if not action.moves:
            return ""
        try:
            now = self._standing()
        except GonogoError as error:
            return str(error)
        was = Standing.of_seen(now.system, form.get("seen", ""))
        if was is None:
            return "the form does not say what was live when you were asked. Load the page again."
        return "" if was.seen == now.seen else f"{was.words} was live when you were asked, now it is {now.words}."

    def _run(self, action: Action, form: Form, session: Session) -> None:
        workspace = Workspace(self._workspace.project, self._workspace.clock)
        try:
            with settings.acting(session.name):
                session.tell(action.perform(workspace, form))
        except GonogoError as error:
            session.tell(str(error), failed=True)
        except Exception:  # the boundary of the thread
            _log.exception("%s by %s failed", action.title, session.name)
            session.tell(f"{action.title} failed; the log of the service says why.", failed=True)
        finally:
            self._through(action)

    def _through(self, action: Action) -> None:
        if not action.moves:
            self._busy.release()
