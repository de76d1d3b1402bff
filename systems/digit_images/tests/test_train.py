"""The training: it stops, it resumes, it breaks off, and only a finished run leaves anything."""

from __future__ import annotations

import logging

import pytest
import torch

import checkpoints
import train


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train.WORK.mkdir()
    return tmp_path


class Kill(logging.Handler):
    """Ends the training when it says a line that begins so, as a kill between two epochs would."""

    def __init__(self, line):
        super().__init__()
        self.line = line

    def emit(self, record):
        if record.getMessage().startswith(self.line):
            raise KeyboardInterrupt


def test_a_killed_training_that_is_resumed_ends_as_if_it_had_not_been_killed(folder, few, config):
    whole = train.learn(config, few, few, resume=False)
    weights = checkpoints.load(train.WORK / "last.pt")["model_state_dict"]
    for path in train.WORK.iterdir():
        path.unlink()
    kill = Kill("epoch 3")
    train.log.setLevel(logging.INFO)
    train.log.addHandler(kill)
    try:
        with pytest.raises(KeyboardInterrupt):
            train.learn(config, few, few, resume=False)
    finally:
        train.log.removeHandler(kill)
    assert checkpoints.load(train.WORK / "last.pt")["epoch"] == 2
    resumed = train.learn(config, few, few, resume=True)
    assert resumed == whole
    again = checkpoints.load(train.WORK / "last.pt")["model_state_dict"]
    assert all(torch.equal(again[name], value) for name, value in weights.items())


def test_it_stops_when_the_validation_loss_no_longer_falls(folder, few, config):
    history = train.learn(config | {"epochs": 30, "patience": 1, "learning_rate": 0.3}, few, few, resume=False)
    losses = [epoch["validation_loss"] for epoch in history["epochs"]]
    assert history["stop_reason"] == "early_stopping"
    assert history["best_epoch"] == losses.index(min(losses)) + 1 == len(losses) - 1
    assert checkpoints.load(train.WORK / "best.pt")["epoch"] == history["best_epoch"]


def test_at_the_limit_of_epochs_it_says_so(folder, few, config):
    history = train.learn(config | {"epochs": 1}, few, few, resume=False)
    assert (history["stop_reason"], len(history["epochs"])) == ("epoch_limit", 1)


def test_a_loss_that_is_no_number_breaks_the_training_off_and_nothing_is_put_in_place(folder, few, config):
    broken = few.ink.clone()
    broken[0] = float("inf")
    with pytest.raises(SystemExit):
        train.learn(config, type(few)(broken, few.digits, few.places), few, resume=False)
    assert not train.MODELS.exists()
    assert not train.RESULTS.exists()
    assert not (train.WORK / "best.pt").exists()


def test_a_configuration_without_sense_is_refused(folder):
    (folder / "configs").mkdir()
    (folder / "configs" / "small.yaml").write_text("{seed: 1, width: 0, epochs: 2, patience: 1, batch: 8}")
    with pytest.raises(SystemExit, match="width must be"):
        train.configuration("small")
