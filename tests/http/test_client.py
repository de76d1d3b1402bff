"""The client against a real service, and against servers that misbehave."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import gonogo
from gonogo.errors import GonogoError, UnreachableError, UsageError
from supervised import OLD, Service, serving

ROWS = [{"amount": 0.25, "city": "paris"}, {"amount": None, "city": "rome"}, {"amount": 3.0, "city": "paris"}]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, sealed: Path) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("client"), sealed) as service:
        yield service.start(OLD)


class Answers:
    """A server that gives these whole answers, one a connection, and keeps what it was sent."""

    def __init__(self, *answers: bytes) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked: list[bytes] = []
        self._answers = answers
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Answers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        for answer in self._answers:
            connection, _ = self._listener.accept()
            with connection:
                self.asked.append(connection.recv(65536))
                connection.sendall(answer)


def whole(status: str, body: bytes, *lines: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in lines)
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n{head}\r\n".encode() + body


ONE = b'{"label": "1", "score": 0.75, "scores": {"0": 0.25, "1": 0.75}}'
GOOD = b'{"release": "small@1.0.0", "prediction_id": "p", "predictions": [%b]}' % ONE


def test_each_row_gets_its_prediction_in_order(running: Service) -> None:
    with gonogo.Client(running.url) as client:
        alone = [client.predict([row])[0] for row in ROWS]
        together = client.predict(ROWS)
        assert [(one.label, one.score) for one in together] == [(one.label, one.score) for one in alone]
        assert len({one.score for one in together}) == 3
        assert {one.release for one in together} == {OLD}
        assert len({one.prediction_id for one in together}) == 1
        assert client.health()["status"] == "healthy"
        assert client.model_info()["release"] == OLD


def test_many_rows_are_sent_in_parts_and_come_back_in_order(running: Service) -> None:
    rows = [{"amount": number / 1000, "city": "rome"} for number in range(1201)]
    with gonogo.Client(running.url) as client:
        found = client.predict(rows)
    scores = [one.score for one in found]
    assert len(found) == 1201
    assert scores == sorted(scores)
    assert len({one.prediction_id for one in found}) == 3


def test_long_rows_are_sent_in_more_parts_and_a_refusal_counts_rows_over_all_of_them(running: Service) -> None:
    long = [{"amount": 0.5, "city": "x" * 200_000} for _ in range(6)]
    with gonogo.Client(running.url) as client:
        assert len({one.prediction_id for one in client.predict(long)}) == 3
        with pytest.raises(gonogo.RequestRefusedError) as refused:
            client.predict([*long, {"amount": "much", "city": "x"}])
    assert [error["row"] for error in refused.value.errors] == [6]


def test_the_async_client_gives_the_same_answers(running: Service) -> None:
    async def ask() -> tuple[list[gonogo.Prediction], list[list[gonogo.Prediction]], str]:
        async with gonogo.AsyncClient(running.url) as client:
            many = await asyncio.gather(*(client.predict([row]) for row in ROWS * 20))
            return await client.predict(ROWS), many, (await client.health())["status"]

    together, many, health = asyncio.run(ask())
    with gonogo.Client(running.url) as client:
        expected = [one.score for one in client.predict(ROWS)]
    assert [one.score for one in together] == expected
    assert [one.score for [one] in many] == expected * 20
    assert health == "healthy"


def test_a_refusal_names_every_bad_value_and_is_not_asked_again(running: Service) -> None:
    with gonogo.Client(running.url) as client, pytest.raises(gonogo.RequestRefusedError) as refused:
        client.predict([ROWS[0], {"amount": "much", "town": "paris"}])
    assert refused.value.status == 422
    assert {(error["row"], error["feature"]) for error in refused.value.errors} == {(1, "amount"), (1, "city"), (1, "town")}


def test_a_busy_service_is_asked_again_when_it_says() -> None:
    busy = whole("503 Service Unavailable", b'{"detail": "busy"}', "retry-after: 0")
    with Answers(busy, busy, whole("200 OK", GOOD)) as server:
        [one] = gonogo.Client(server.url).predict([{"x": 1.0}])
    assert one.score == 0.75
    assert len(server.asked) == 3


def test_a_lost_connection_is_asked_again() -> None:
    with Answers(b"", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", whole("200 OK", GOOD)) as server:
        assert gonogo.Client(server.url).predict([{"x": 1.0}])[0].label == "1"
    with Answers(b"", whole("200 OK", GOOD)) as server:
        assert asyncio.run(gonogo.AsyncClient(server.url).predict([{"x": 1.0}]))[0].label == "1"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (whole("200 OK", b"<html>"), "not JSON"),
        (whole("200 OK", b"{}"), "no predictions"),
        (whole("200 OK", GOOD.replace(ONE, ONE + b", " + ONE)), "2 predictions"),
        (whole("500 Internal Server Error", b'{"detail": "the model failed"}'), "the model failed"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_an_error(answer: bytes, says: str) -> None:
    with Answers(answer) as server, pytest.raises(UnreachableError, match=says):
        gonogo.Client(server.url, retries=0).predict([{"x": 1.0}])


def test_a_service_that_never_answers_is_given_up_after_the_time_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(UnreachableError, match="does not answer"):
            gonogo.Client(url, timeout=0.2, retries=1).predict([{"x": 1.0}])
        with pytest.raises(UnreachableError, match="does not answer"):
            asyncio.run(gonogo.AsyncClient(url, timeout=0.2, retries=1).predict([{"x": 1.0}]))


def test_key_version_and_own_headers_travel() -> None:
    with Answers(whole("200 OK", GOOD)) as server:
        gonogo.Client(server.url, api_key="k-1").predict([{"x": 1.0}], version="1.1.0", headers={"x-user-id": "ana"})
    sent = server.asked[0].lower()
    assert all(line in sent for line in (b"authorization: bearer k-1", b"x-gonogo-version: 1.1.0", b"x-user-id: ana"))


@pytest.mark.parametrize(("url", "options"), [("ftp://x", {}), ("nonsense", {}), ("http://127.0.0.1:1", {"timeout": 0.0})])
def test_a_client_that_cannot_work_is_not_made(url: str, options: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        gonogo.Client(url, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("row", [{"x": float("nan")}, {"x": object()}])
def test_what_is_no_json_is_refused_before_it_is_sent(row: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="cannot be sent"):
        gonogo.Client("http://127.0.0.1:1").predict([row])


def test_a_header_cannot_be_smuggled_in_by_a_value() -> None:
    with pytest.raises(UsageError, match="cannot be sent"):
        gonogo.Client("http://127.0.0.1:1").predict([{"x": 1.0}], headers={"x-user-id": "a\r\nx-evil: 1"})


def test_a_key_is_sent_without_the_newline_of_the_file_it_was_read_from() -> None:
    with Answers(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}") as server, gonogo.Client(server.url, api_key="secret\n") as client:
        client.health()
    assert b"authorization: bearer secret\r\n" in server.asked[0].lower()


def test_one_row_that_is_no_list_is_told_so(running: Service) -> None:
    with gonogo.Client(running.url) as client, pytest.raises(UsageError, match="list of rows"):
        client.predict(ROWS[0])  # type: ignore[arg-type]


def test_the_message_of_a_refusal_says_which_values(running: Service) -> None:
    with gonogo.Client(running.url) as client, pytest.raises(gonogo.RequestRefusedError, match="row 0 amount"):
        client.predict([{"amount": "much", "city": "paris"}])


def test_each_prediction_knows_its_row_in_the_request_that_it_was_sent_in(running: Service) -> None:
    with gonogo.Client(running.url) as client:
        found = client.predict([{"amount": number / 1000, "city": "rome"} for number in range(1201)])
    assert [one.prediction_row for one in found] == [number % 500 for number in range(1201)]
    assert len({(one.prediction_id, one.prediction_row) for one in found}) == 1201


@pytest.mark.parametrize(
    "answer",
    [
        whole("404 Not Found", b"{}"),
        whole("404 Not Found", b'{"detail": "Not Found"}'),
        whole("405 Method Not Allowed", b'{"error": "POST"}'),
        whole("404 Not Found", b"<html>"),
        whole("501 Unsupported method", b"[]"),
    ],
)
def test_an_address_that_is_no_service_is_named_with_what_it_answered(answer: bytes) -> None:
    with Answers(answer) as server, pytest.raises(GonogoError) as refused:
        gonogo.Client(server.url, retries=0).predict([{"x": 1.0}])
    status = answer.split()[1].decode()
    assert refused.value.message.startswith(f"{server.url.removeprefix('http://')} answered with status {status}")
    assert "dashboard" in refused.value.hint


def test_what_a_service_of_ours_says_of_a_version_is_told_as_it_says_it(running: Service) -> None:
    with gonogo.Client(running.url) as client, pytest.raises(gonogo.RequestRefusedError) as refused:
        client.predict(ROWS, version="7.7.7")
    assert "dashboard" not in refused.value.hint
