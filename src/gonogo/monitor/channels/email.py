"""E-mail over SMTP (RFC 5321), encrypted by STARTTLS (RFC 3207) or from the beginning, plain text (RFC 5322).

`Message-ID` is a digest of the notice, so that what is sent again is the same message to servers and readers that look; messages of one
alarm refer to each other and show as one thread. Certificates are checked against those that the system trusts (or `SSL_CERT_FILE`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from gonogo.base.secret import SECRET, Secret, masked
from gonogo.errors import FaultError, RefusedError, UnreachableError
from gonogo.monitor.notice import Level, Notice
from gonogo.monitor.sending import STEP_SECONDS, bounded, is_loopback, printable, why

if TYPE_CHECKING:
    import smtplib
    from email.message import EmailMessage

TEXT = {"type": "string", "minLength": 1}


class EmailChannel:
    """One message a notice to all of `to`. `tls`: `starttls`, `always` (from the beginning), or `never`, on this machine only."""

    levels: tuple[Level, ...] = ("critical", "warning")
    options: ClassVar[Mapping[str, Any]] = {
        "host": {**TEXT, "description": "the mail server", "examples": ["smtp.example.com"]},
        "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 587, "description": "of the mail server"},
        "sender": {**TEXT, "pattern": "^[^\\s<>,]+@[^\\s<>,]+$", "description": "whose address it comes from"},
        "to": {"type": "array", "items": {**TEXT, "pattern": "^[^\\s<>,]+@[^\\s<>,]+$"}, "minItems": 1, "description": "who gets it"},
        "user": {**TEXT, "description": "who logs in; default: nobody"},
        "password": SECRET,
        "tls": {"type": "string", "enum": ["starttls", "always", "never"], "default": "starttls", "description": "how it is encrypted"},
    }
    needs: ClassVar[tuple[str, ...]] = ("host", "sender", "to")

    def __init__(
        self,
        system: str,
        *,
        host: str,
        sender: str,
        to: tuple[str, ...],
        port: int = 587,
        user: str = "",
        password: Secret | None = None,
        tls: str = "starttls",
    ) -> None:
        self._system, self._host, self._port, self._tls = system, host, port, tls
        self._sender, self._to = sender, to
        self._user, self._password = user, password

    def send(self, notice: Notice) -> None:
        """Raises FaultError, RefusedError."""
        import smtplib

        password = self._password.read() if self._password else ""
        if self._tls == "never" and not is_loopback(self._host):
            raise FaultError(f"mail to {self._host} would cross the network in the clear.", hint="Use `tls: starttls`.")
        message = self._message(notice)
        try:
            with self._connected() as server, bounded(lambda: server.sock):
                if self._user:
                    server.login(self._user, password)
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            said = "; ".join(f"{who}: {code} {_words(text)}" for who, (code, text) in error.recipients.items())
            raise UnreachableError(f"{self._host} takes mail for none of them: {masked(said, password)}.", hint="Look at `to`.") from None
        except smtplib.SMTPDataError as error:
            said = f"{self._host} answers {error.smtp_code} to the message: {masked(_words(error.smtp_error), password)}."
            if error.smtp_code >= 500:
                raise RefusedError(said) from None
            raise UnreachableError(said) from None
        except smtplib.SMTPResponseException as error:
            text = masked(_words(error.smtp_error), password)
            raise UnreachableError(f"{self._host} answers {error.smtp_code}: {text}.", hint="Look at user, password and sender.") from None
        except smtplib.SMTPException as error:
            raise UnreachableError(f"{self._host}: {masked(_words(str(error)), password)}") from None
        except (OSError, ValueError) as error:
            raise UnreachableError(f"{self._host} does not answer: {why(error) if isinstance(error, OSError) else error}.") from None

    def _connected(self) -> smtplib.SMTP:
        import smtplib
        import ssl

        if self._tls == "always":
            return smtplib.SMTP_SSL(self._host, self._port, timeout=STEP_SECONDS, context=ssl.create_default_context())
        server = smtplib.SMTP(self._host, self._port, timeout=STEP_SECONDS)
        try:
            if self._tls == "starttls":
                server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
        return server

    def _message(self, notice: Notice) -> EmailMessage:
        from email.message import EmailMessage
        from email.utils import format_datetime

        from gonogo.base.clock import parse_stamp

        message = EmailMessage()
        message["From"], message["To"] = self._sender, ", ".join(self._to)
        state = "over" if notice.over else notice.level
        message["Subject"] = printable(f"[{state}] {self._system}: {notice.text}", 150)
        message["Date"] = format_datetime(parse_stamp(notice.time))
        message["Message-ID"] = self._id(notice.id)
        message["References"] = self._id(notice.key)
        message["Auto-Submitted"] = "auto-generated"
        message["X-Gonogo-Notice"] = printable(notice.id)
        lines = [
            notice.text,
            "",
            *(f"{name}: {value}" for name, value in notice.labels.items()),
            f"time: {notice.time}",
            f"id: {notice.id}",
        ]
        message.set_content("\n".join(lines) + "\n")
        return message

    def _id(self, text: str) -> str:
        return f"<{hashlib.sha256(f'{self._system}{chr(10)}{text}'.encode()).hexdigest()[:32]}@{self._sender.rpartition('@')[2]}>"


def _words(said: bytes | str) -> str:
    return printable(said.decode(errors="replace") if isinstance(said, bytes) else said)
