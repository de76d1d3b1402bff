"""An error of ours on its way through a socket: the same class comes out on the other side, and the same status for whoever speaks HTTP.

>>> raised = error_of(error_json(errors.NotFoundError("There is no release a@9.0.0.", hint="See `gonogo list`.")))
>>> type(raised).__name__, str(raised.hint), status_of(raised)
('NotFoundError', 'See `gonogo list`.', 404)
"""

from __future__ import annotations

from typing import Any

from gonogo import errors
from gonogo.errors import ConflictError, FaultError, GonogoError, NotFoundError, RefusedError, UsageError

_STATUS: tuple[tuple[type[GonogoError], int], ...] = (
    (NotFoundError, 404),
    (UsageError, 400),
    (ConflictError, 409),
    (RefusedError, 403),
    (FaultError, 503),
)


def status_of(error: GonogoError) -> int:
    """400 wrong use, 404 no such thing, 409 conflict or fenced, 403 refused, 503 the world failed."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def error_json(error: GonogoError) -> dict[str, str]:
    return {"error": type(error).__name__, "detail": error.message, "hint": error.hint}


def error_of(document: Any) -> GonogoError:
    """Inverse of `error_json`; a FaultError for whatever is none of ours."""
    if not isinstance(document, dict):
        return FaultError("The service failed without a word.")
    kind = getattr(errors, str(document.get("error", "")), FaultError)
    message, hint = str(document.get("detail", "The service failed.")), str(document.get("hint", ""))
    if isinstance(kind, type) and issubclass(kind, GonogoError) and kind.__init__ is GonogoError.__init__:
        return kind(message, hint=hint)
    return FaultError(message, hint=hint)
