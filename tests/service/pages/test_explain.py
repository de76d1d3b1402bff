"""`/predict?explain=true`: contributions that add up, for the releases that carry an explainer."""

import json

import pytest

from gonogo.release.contents import Bundle
from gonogo.service.pages.explain import MOST_ROWS, TOLERANCE
from supervised import NEW

ROWS = [{"amount": 1.25, "city": "paris"}, {"amount": None, "city": "oslo"}, {"amount": -2.0, "city": "nowhere"}]
BY_NAME = {"content-type": "application/json", "x-gonogo-version": "1.1.0"}


@pytest.fixture(scope="module")
def explains(small):
    """The release that carries an explainer runs beside the stable one, which carries none."""
    small.service.client.start(NEW)
    small.service.until(lambda seen: seen["releases"][NEW]["healthy"])
    return Bundle.open(small.service.store / "releases" / "small-1.1.0" / "bundle")


def test_the_bundle_says_that_it_explains(explains, small):
    assert explains.manifest["model"]["explainer"] == "shapley"
    assert "explainer" not in small.bundle.manifest["model"]


def test_contributions_and_base_add_up_to_the_score_of_every_row(explains, ask):
    answer = ask("POST", "/predict?explain=true", {"features": ROWS}, BY_NAME)
    assert answer.status == 200
    assert answer.headers["x-gonogo-release"] == NEW
    assert answer.headers["x-gonogo-prediction-id"] == answer.json["prediction_id"]
    assert len(answer.json["explanations"]) == len(answer.json["predictions"]) == len(ROWS)
    for explained, predicted in zip(answer.json["explanations"], answer.json["predictions"], strict=True):
        assert explained["of"] == "1"
        assert explained["score"] == pytest.approx(predicted["score"], abs=TOLERANCE)
        assert explained["base"] + sum(explained["contributions"].values()) == pytest.approx(explained["score"], abs=TOLERANCE)
        assert set(explained["contributions"]) == {"amount", "city"}
    assert answer.json["explainer"]["tolerance"] == TOLERANCE
    paris, missing, _ = (one["contributions"] for one in answer.json["explanations"])
    assert paris["city"] > 0.05  # the model scores paris higher than the typical city
    assert abs(missing["amount"]) < 0.01  # missing counts as 0, and so does the median


def test_what_is_compared_with_is_the_typical_row_of_the_release(explains, ask):
    told = ask("POST", "/predict?explain=true", {"features": ROWS[0]}, BY_NAME).json
    typical = next(request for request in explains.golden["requests"] if request["name"] == "typical")
    assert told["explainer"]["compared_with"] == typical["rows"][0]
    assert told["explanations"][0]["base"] == pytest.approx(typical["scores"][0][1], abs=TOLERANCE)


def test_a_row_has_the_same_explanation_alone_and_in_company_and_again(explains, ask):
    together = ask("POST", "/predict?explain=true", {"features": ROWS}, BY_NAME).json["explanations"]
    for row, explained in zip(ROWS, together, strict=True):
        assert ask("POST", "/predict?explain=1", {"features": row}, BY_NAME).json["explanations"] == [explained]


def test_the_prediction_is_the_one_without_explanation(explains, ask):
    plain = ask("POST", "/predict?explain=false", {"features": ROWS}, BY_NAME).json
    assert "explanations" not in plain
    assert ask("POST", "/predict?explain=true", {"features": ROWS}, BY_NAME).json["predictions"] == plain["predictions"]


def test_a_release_without_an_explainer_says_so(explains, ask):
    answer = ask("POST", "/predict?explain=true", {"features": ROWS[0]})
    assert (answer.status, answer.json["status"]) == (409, 409)
    assert "no explainer" in answer.json["detail"]


@pytest.mark.parametrize(
    ("query", "features", "status"),
    [
        ("explain=true", [ROWS[0]] * (MOST_ROWS + 1), 413),
        ("explain=maybe", ROWS[0], 400),
        ("explain=true&explain=false", ROWS[0], 400),
        ("explain=true", {"amount": "1", "city": "paris"}, 422),
        ("explain=true", {"city": "paris"}, 422),
    ],
)
def test_what_cannot_be_explained_is_refused_with_its_reason(explains, ask, query, features, status):
    answer = ask("POST", f"/predict?{query}", {"features": features}, BY_NAME)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert json.loads(answer.body)["detail"]


def test_many_at_once_are_all_answered_with_an_explanation_or_told_to_come_back(explains, ask):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda _: ask("POST", "/predict?explain=true", {"features": ROWS * 6}, BY_NAME), range(60)))
    assert {answer.status for answer in answers} <= {200, 503}
    assert all(answer.headers["retry-after"] for answer in answers if answer.status == 503)
    assert any(answer.status == 200 for answer in answers)
