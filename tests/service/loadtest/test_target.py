"""A load test is aimed at this machine only, at a gonogo service only, and never shows its key."""

import datetime
import ipaddress
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from answering import OK, answering, prediction, said
from gonogo.errors import DataError, RefusedError, UnreachableError, UsageError
from gonogo.service.loadtest.run import run_load_test, who_answers
from gonogo.service.loadtest.target import Target
from waiting import free_port

ROWS = [{"a": 1}]
KEY = "abc.DEF-123"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1", "127.0.0.1:80", "http://", "http:///predict", "http://127.0.0.1:99999", "http://127.0.0.1/?a=1",
        "http://127.0.0.1/#a", "http://127.0.0.1/a b", "http://ana:secret@127.0.0.1",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_service_is_refused(url):
    with pytest.raises(UsageError) as refused:
        Target.of(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://192.0.2.1:80", "http://example.org", "https://example.org:8443", "http://[2001:db8::1]:80"])
def test_other_machines_are_refused_unless_told_and_get_no_key_in_the_clear(url):
    with pytest.raises(UsageError, match="is not this machine"):
        Target.of(url)
    assert Target.of(url, allow_remote=True).host
    if url.startswith("http:"):
        with pytest.raises(UsageError, match="in the clear"):
            Target.of(url, allow_remote=True, api_key=KEY)


@pytest.mark.parametrize("key", ["", "two words", "line\r\nx-other: 1", "k" * 5000, "ключ"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key):
    with pytest.raises(UsageError) as refused:
        Target.of("http://127.0.0.1", api_key=key)
    assert not key or key not in str(refused.value)


def test_the_key_is_sent_and_not_shown():
    heads = []

    def respond(number, head):
        heads.append(head)
        return OK

    with answering(respond) as url:
        target = Target.of(url, api_key=KEY)
        run_load_test(target, ROWS, requests=3, concurrency=1, warm_up=False)
    assert all(b"authorization: Bearer abc.DEF-123\r\n" in head for head in heads)
    assert KEY not in repr(target)


def test_a_path_before_ours_is_kept():
    heads = []

    def respond(number, head):
        heads.append(head.split(b"\r\n")[0])
        return OK

    with answering(respond) as url:
        run_load_test(Target.of(url + "/ml/"), ROWS, requests=1, concurrency=1, warm_up=False)
    assert set(heads) == {b"POST /ml/predict HTTP/1.1"}


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (said(b"<html>", headers=b"content-type: text/html\r\n"), UsageError, "not a gonogo service: it answered 200 with 'text/html'"),
        (said(b'{"predictions": [[0.1, 0.9]]}', headers=b"content-type: application/json\r\n"), UsageError, "not a gonogo service"),
        (prediction(0.5, release=""), UsageError, "not a gonogo service"),
        (said(b"", "404 Not Found"), UsageError, "it answered 404"),
        (said(b"", "301 Moved", b"location: https://127.0.0.1/\r\n"), UsageError, "It sends to 'https://127.0.0.1/'"),
        (said(b"{}", "401 Unauthorized"), RefusedError, "asks for a key"),
        (said(b'{"detail": "no feature a"}', "422 X", b"x-gonogo-release: a@1.0.0\r\n"), DataError, "serves a@1.0.0.*no feature a"),
        (None, UnreachableError, "lost"),
    ],
    ids=["a page", "another server", "no release", "nothing there", "moved", "a key is missing", "other rows", "hangs up"],
)  # fmt: skip
def test_what_is_no_service_of_ours_gets_one_request_and_no_load(answer, error, words):
    asked = []

    def respond(number, head):
        asked.append(number)
        return answer

    with answering(respond) as url, pytest.raises(error, match=words):
        run_load_test(Target.of(url), ROWS, requests=100, concurrency=4)
    assert asked == [1]


def test_a_key_that_is_not_accepted_is_said_so():
    with answering(lambda number, head: said(b"{}", "403 Forbidden")) as url, pytest.raises(RefusedError, match="does not accept the key"):
        run_load_test(Target.of(url, api_key=KEY), ROWS, requests=100, concurrency=4)


def test_nothing_there_is_an_error_and_no_result():
    with pytest.raises(UnreachableError):
        run_load_test(Target.of(f"http://127.0.0.1:{free_port()}"), ROWS, requests=5, concurrency=2)


def test_a_service_names_its_release_before_any_load():
    with answering(lambda number, head: said(b"{}", headers=b"x-gonogo-release: a@1.2.3\r\n")) as url:
        assert who_answers(Target.of(url)) == "a@1.2.3"
    with answering(lambda number, head: said(b"{}")) as url, pytest.raises(UsageError, match="not a gonogo service"):
        who_answers(Target.of(url))


@pytest.fixture
def certificate(tmp_path):
    """A key and a certificate for this machine, signed by itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(hours=1))
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = built.add_extension(names, critical=False).add_extension(x509.BasicConstraints(True, None), critical=True)
    path = tmp_path / "test.pem"
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *plain) + signed.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_a_service_behind_tls_is_loaded_when_its_certificate_is_trusted(certificate, monkeypatch):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with answering(lambda number, head: OK, tls) as url:
        with pytest.raises(UnreachableError, match="certificate"):
            run_load_test(Target.of(url), ROWS, requests=5, concurrency=2, warm_up=False)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        result = run_load_test(Target.of(url, api_key=KEY), ROWS, requests=20, concurrency=2, warm_up=False)
    assert (result.errors, result.requests) == (0, 20)
