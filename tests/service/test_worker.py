"""A worker process, end to end: what it answers, on whom it books, and that nobody is left without an answer."""

import http.client
import json


def ask(port, rows, path="/predict", method="POST"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, None if rows is None else json.dumps({"features": rows}))
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def test_a_release_alone_answers_with_its_name_and_a_prediction_id(crew):
    worker = crew.start("small@1.0.0")
    worker.take_over(crew.table(1, (worker, 10_000)), accept=True)
    status, headers, body = ask(crew.port, {"x": 0.25, "k": 3})
    answer = json.loads(body)
    assert status == 200
    assert answer["predictions"] == [{"label": "yes", "score": 0.5, "scores": {"no": 0.5, "yes": 0.5}}]
    assert headers["x-gonogo-release"] == answer["release"] == "small@1.0.0"
    assert headers["x-gonogo-prediction-id"] == answer["prediction_id"]
