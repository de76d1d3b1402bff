"""What the README tells a newcomer to type, typed: a model that none of us made, from its folder to production and back."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.xdist_group("story"), pytest.mark.timeout(400)]


def commands(heading: str) -> list[list[list[str]]]:
    """The console blocks below a heading, each a list of commands, each a list of words."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").split(f"## {heading}", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL)
    return [[line[2:].split("#")[0].split() for line in block.splitlines() if line.startswith("$ ")] for block in blocks]


def train(folder: Path, strength: float) -> None:
    """Somebody's own model: a scaler and a logistic regression on their own table, exported as the README says."""
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    generator = np.random.default_rng(7)
    rows = generator.normal(size=(4000, 4)).astype(np.float32)
    label = (rows @ np.array([2.0, -1.0, 0.5, 0.0]) + generator.normal(scale=0.6, size=4000) > 0).astype(int)
    names = ["tenure", "calls", "bill", "age"]
    for name, part in (("train", slice(0, 3000)), ("test", slice(3000, 4000))):
        lines = [",".join([*map(str, row), str(y)]) for row, y in zip(rows[part].tolist(), label[part].tolist(), strict=True)]
        (folder / f"{name}.csv").write_text("\n".join([",".join([*names, "churn"]), *lines]) + "\n")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength)).fit(rows[:3000], label[:3000])
    exported = to_onnx(model, rows[:1], options={"zipmap": False})
    (folder / "model.onnx").write_bytes(exported.SerializeToString())


def test_the_first_release_takes_at_most_ten_lines() -> None:
    first, *_ = commands("Your first release")
    assert len(first) <= 10
    assert first[-1][:2] == ["gonogo", "serve"]


def test_a_newcomer_who_types_the_readme_gets_a_service_a_second_release_and_the_way_back(user, tmp_path: Path) -> None:
    first, second, *_ = commands("Your first release")
    user.folder = tmp_path / "my-model"
    user.keys = tmp_path / "own-keys"
    user.folder.mkdir()
    train(user.folder, 1.0)
    for words in first:
        if words[0] in ("pip", "cd") or words[1] == "serve":
            continue
        user.gonogo(*words[1:], expect=1 if words[1] == "check" else 0)
    user.gonogo("verify", ".gonogo/releases/my-model-1.0.0.tar.gz", "--key", ".gonogo/keys/store.pub")
    (gate,) = commands("The gate")
    for program, *words in gate:
        if program == "pytest":
            assert "16 passed" in user.python("-m", "pytest", *words).stdout
            continue
        user.gonogo(*[str(user.keys / word) if word == "ana.key" else word for word in words])
    assert user.json("check")["verdict"] == "GO", "what the README tells to type voids nothing"
    assert "<html" in (tmp_path / "report.html").read_text()
    running = user.serve(*first[-1][2:])
    try:
        status, answer = running.predict({"tenure": 1.5, "calls": 0.0, "bill": 0.2, "age": -1.0})
        assert status == 200
        assert answer["release"] == "my-model@1.0.0"
        status, problem = running.predict({"tenure": "long", "calls": 0.0, "bill": 0.2, "height": 2})
        assert status == 422
        assert {error["feature"] for error in problem["errors"]} == {"tenure", "age", "height"}

        yaml = (user.folder / "gonogo.yaml").read_text()
        (user.folder / "gonogo.yaml").write_text(yaml + "rollout: {min_seconds: 1}\n")
        train(user.folder, 0.05)
        with_traffic = user.clients(running.url, [{"tenure": 1.5, "calls": 0.0, "bill": 0.2, "age": -1.0}], connections=8)
        with with_traffic as traffic:
            for words in second:
                user.gonogo(*words[1:], expect=1 if words[1] == "check" else 0)
        assert traffic.failures == {}
        assert user.json("status")["production"]["release"] == "my-model@1.0.0"
        assert user.json("releases")["pointers"] == {"production": "1.0.0"}
    finally:
        running.stop()
