"""Forms are read flat and bounded, whatever a body nests."""

from __future__ import annotations

import pytest

from gonogo.http.forms import MOST_FIELDS, FormRefusedError, read_form, read_plain_form
from visitor import FORM

PARTS = "multipart/form-data; boundary=b"


def part(head: str, content: str) -> str:
    return f"--b\r\n{head}\r\n\r\n{content}\r\n"


def test_forms_are_read_with_their_files_and_what_is_none_has_no_fields():
    token = part('Content-Disposition: form-data; name="token"', "t")
    file = part('Content-Disposition: form-data; name="file"; filename="../x"\r\nContent-Type: application/json', '{"a": 1}\r\n--\r\n')
    body = f"{token}{file}--b--\r\n".encode()
    assert read_form(PARTS, body) == {"token": "t", "file": '{"a": 1}\r\n--\r\n'}
    assert read_form(f"{FORM}; charset=utf-8", b"a=1&a=2&b=") == {"a": "2", "b": ""}
    for kind in ("text/plain", "application/json", "multipart/form-data", "multipart/form-data; boundary=other", ""):
        assert read_form(kind, body) == {}
    assert read_plain_form(PARTS, body) == {}


@pytest.mark.parametrize(
    "kind", ["multipart/mixed; boundary=c", "\r\n multipart/mixed; boundary=c", "MULTIPART/mixed; boundary=c", "message/rfc822"]
)
def test_a_part_that_holds_parts_is_refused(kind):
    body = part(f'Content-Disposition: form-data; name="key"\r\nContent-Type: {kind}', "--c\r\n\r\n\r\n--c--") + "--b--\r\n"
    with pytest.raises(FormRefusedError):
        read_form(PARTS, body.encode())


def test_what_is_too_large_in_some_way_is_refused():
    one = part('Content-Disposition: form-data; name="a"', "")
    assert read_form(PARTS, (one * MOST_FIELDS + "--b--\r\n").encode()) == {"a": ""}
    for kind, body in (
        (PARTS, one * (MOST_FIELDS + 1) + "--b--\r\n"),
        (PARTS, part("X: " + "y" * 2000, "") + "--b--\r\n"),
        (f"multipart/form-data; boundary={'b' * 200}", one),
        (FORM, "a=1&" * (MOST_FIELDS + 1)),
    ):
        with pytest.raises(FormRefusedError):
            read_form(kind, body.encode())
