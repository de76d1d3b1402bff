"""Forms as browsers send them: urlencoded, or, with a file, in flat parts. One that is neither, or too large in some way, is refused."""

from __future__ import annotations

from email.message import Message
from email.parser import BytesHeaderParser
from urllib.parse import parse_qsl

MOST_FIELDS = 40
MOST_KIND = 200  #: characters of the content type of a form in parts
MOST_HEAD = 1000  #: bytes of the headers of a part
URLENCODED = "application/x-www-form-urlencoded"


class FormRefusedError(ValueError):
    """Why a form is not read."""


def read_plain_form(kind: str, body: bytes) -> dict[str, str]:
    """The fields of an urlencoded form; any other has none. Raises FormRefusedError for more than `MOST_FIELDS`."""
    if kind.partition(";")[0].strip().lower() != URLENCODED:
        return {}
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise FormRefusedError(f"a form has at most {MOST_FIELDS} fields") from None


def read_form(kind: str, body: bytes) -> dict[str, str]:
    """The fields of a form, those of a file too. What is no form has none. Raises FormRefusedError.

    Parts are found in one pass, and only their headers are parsed: a part that holds parts itself is refused, not followed.
    """
    if not kind.lower().startswith("multipart/form-data"):
        return read_plain_form(kind, body)
    if len(kind) > MOST_KIND:
        raise FormRefusedError("the content type of this form is too long")
    whole = Message()
    whole["content-type"] = kind
    boundary = whole.get_boundary()
    if not boundary:
        return {}
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("utf-8", "replace"), MOST_FIELDS + 2)
    if len(parts) > MOST_FIELDS + 2:
        raise FormRefusedError(f"a form has at most {MOST_FIELDS} fields")
    return dict(field for part in parts[1:-1] if (field := _field(part)))


def _field(part: bytes) -> tuple[str, str] | None:
    head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    if len(head) > MOST_HEAD:
        raise FormRefusedError("a part of this form has too long headers")
    headers = BytesHeaderParser().parsebytes(head + b"\r\n\r\n")
    if headers.get_content_maintype() in ("multipart", "message"):
        raise FormRefusedError("a part of this form holds parts itself")
    name = headers.get_param("name", header="content-disposition")
    return (name, content.decode("utf-8", "replace")) if isinstance(name, str) else None
