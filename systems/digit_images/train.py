"""Train, choose, export, evaluate, report and record: `python train.py [--setting small|full]`.

The network learns from data/train.parquet and is chosen on data/validation.parquet: the epoch with the lowest validation loss is the best
one, and when none has been lower for `patience` epochs the training stops. The test table is looked at once, after that.

While it trains, everything lies in `training/`; what was made before stays where it is. Only a run that came to its end moves its
checkpoints, its log and its figures into place and writes the run record, so a run that was killed is never taken for a result.
`--resume` goes on with the last epoch that it had finished, and ends as if it had not been killed; without it, a run begins anew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import math
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
import yaml
from gonogo import record_run
from torch.nn import functional

import checkpoints
import evaluate
import export
import report
from images import Images, read, vary
from network import ResNet18, parameters

MODELS, CHECKPOINTS, RESULTS = Path("models"), Path("checkpoints/production"), Path("results/production")
WORK = Path("training")
SOURCES = ("checkpoints.py", "evaluate.py", "export.py", "images.py", "network.py", "prepare.py", "train.py")
log = logging.getLogger("train")


def learn(config: dict[str, Any], train: Images, validation: Images, resume: bool) -> dict[str, Any]:
    """Train in `training/`. Returns the history: its epochs and why it stopped. Stops when a loss is no number."""
    generator = torch.Generator().manual_seed(config["seed"])
    torch.manual_seed(config["seed"])
    network = ResNet18(config["width"])
    network.mean, network.spread = train.ink.mean().reshape(1), train.ink.std().reshape(1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config["learning_rate"], weight_decay=config["weight_decay"])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config["epochs"])
    epochs: list[dict[str, float]] = []
    if resume and (WORK / "last.pt").is_file():
        state = checkpoints.load(WORK / "last.pt")
        network.load_state_dict(state["model_state_dict"], strict=True)
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        generator.set_state(state["generator"])
        epochs = state["epochs"]
        log.info("resumed after epoch %d", len(epochs))
    while True:
        best = min(range(len(epochs)), key=lambda index: epochs[index]["validation_loss"], default=0)
        if epochs and len(epochs) - 1 - best >= config["patience"]:
            return {"epochs": epochs, "stop_reason": "early_stopping", "best_epoch": best + 1}
        if len(epochs) == config["epochs"]:
            return {"epochs": epochs, "stop_reason": "epoch_limit", "best_epoch": best + 1}
        train_loss = one_epoch(network, optimizer, config, train, generator)
        schedule.step()
        validation_loss, val_acc = judge(network, validation)
        epoch = {"epoch": len(epochs) + 1, "train_loss": train_loss, "validation_loss": validation_loss, "val_acc": val_acc}
        log.info("epoch %(epoch)d: train_loss %(train_loss).4f, validation_loss %(validation_loss).4f, val_acc %(val_acc).4f", epoch)
        if not math.isfinite(train_loss) or not math.isfinite(validation_loss):
            log.error("a loss is no number in epoch %d; the training is broken off", epoch["epoch"])
            raise SystemExit(1)
        lower = not epochs or validation_loss < epochs[best]["validation_loss"]
        epochs.append(epoch)
        content = {"model_state_dict": network.state_dict(), "width": config["width"]} | epoch
        if lower:
            checkpoints.save(WORK / "best.pt", content)
        resuming = {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(), "generator": generator.get_state()}
        checkpoints.save(WORK / "last.pt", content | resuming | {"epochs": epochs})


def one_epoch(
    network: ResNet18, optimizer: torch.optim.Optimizer, config: dict[str, Any], train: Images, generator: torch.Generator
) -> float:
    """Every image once, in an order by chance and a little changed. Returns the mean loss."""
    network.train()
    total = 0.0
    for batch in torch.randperm(len(train), generator=generator).split(config["batch"]):
        optimizer.zero_grad()
        logits = network(vary(train.ink[batch], generator, **config["augmentation"]))
        loss = functional.cross_entropy(logits, train.digits[batch], label_smoothing=config["label_smoothing"])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    return total / len(train)


@torch.no_grad()
def judge(network: ResNet18, images: Images) -> tuple[float, float]:
    """Mean loss and accuracy on images as they are."""
    logits = network.eval()(images.ink)
    return float(functional.cross_entropy(logits, images.digits)), float((logits.argmax(1) == images.digits).float().mean())


def configuration(setting: str) -> dict[str, Any]:
    """A configuration of configs/. Stops when a number in it cannot be."""
    config = yaml.safe_load((Path("configs") / f"{setting}.yaml").read_text(encoding="utf-8"))
    for name in ("width", "epochs", "patience", "batch"):
        if not isinstance(config.get(name), int) or config[name] < 1:
            raise SystemExit(f"configs/{setting}.yaml: {name} must be a whole number of at least 1, not {config.get(name)!r}")
    return config


def start_log() -> None:
    """Log to the terminal and to training/training.log."""
    WORK.mkdir(exist_ok=True)
    form = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    for handler in (logging.StreamHandler(sys.stdout), logging.FileHandler(WORK / "training.log", encoding="utf-8")):
        handler.setFormatter(form)
        log.addHandler(handler)
    log.setLevel(logging.INFO)


def sources() -> str:
    """Which version of this code trained: the digest of the files that decide what the model becomes."""
    here = Path(__file__).resolve().parent
    return f"sources-{hashlib.sha256(b''.join((here / name).read_bytes() for name in SOURCES)).hexdigest()[:12]}"


def put_in_place(config: dict[str, Any], history: dict[str, Any]) -> None:
    """Move what the finished training made to where it is read."""
    for folder in (MODELS, CHECKPOINTS, RESULTS):
        folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(WORK / "best.pt", CHECKPOINTS / "final_model_best.pt")
    shutil.copyfile(WORK / "last.pt", CHECKPOINTS / "final_model_last.pt")
    shutil.copyfile(WORK / "training.log", RESULTS / "training.log")
    (RESULTS / "history.json").write_text(json.dumps(history, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "final_config.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Train, choose, export, evaluate, report and record.")
    settings = sorted(path.stem for path in Path("configs").glob("*.yaml"))
    parser.add_argument("--setting", choices=settings, default="small", help="which of configs/ (default: small)")
    parser.add_argument("--seed", type=int, help="another seed than the configuration's")
    parser.add_argument("--resume", action="store_true", help="go on with a training that was broken off")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # more threads than cores that are free take longer than one
    torch.use_deterministic_algorithms(True)
    config = configuration(arguments.setting) | ({} if arguments.seed is None else {"seed": arguments.seed})
    tables = {name: Path("data") / f"{name}.parquet" for name in ("train", "validation", "test")}
    train, validation, test = (read(path) for path in tables.values())
    if not arguments.resume:
        shutil.rmtree(WORK, ignore_errors=True)
    start_log()
    started, clock = datetime.now(UTC), time.monotonic()
    log.info("training on %d images, width %d, seed %d", len(train), config["width"], config["seed"])
    history = learn(config, train, validation, arguments.resume)
    log.info("Training complete: %s after epoch %d, best epoch %d", history["stop_reason"], len(history["epochs"]), history["best_epoch"])
    put_in_place(config, history)

    best = checkpoints.load(CHECKPOINTS / "final_model_best.pt")
    network = checkpoints.network_of(best)
    figures = evaluate.evaluate(network, validation, test, RESULTS, MODELS / "reference.parquet")
    exported = export.export(network, test, MODELS)
    report.write(RESULTS, config, history, best, figures, exported, test, parameters(network))
    files = {
        "config": RESULTS / "final_config.yaml",
        "checkpoint_best": CHECKPOINTS / "final_model_best.pt",
        "checkpoint_last": CHECKPOINTS / "final_model_last.pt",
        "history": RESULTS / "history.json",
        "training_log": RESULTS / "training.log",
        "metrics": RESULTS / "metrics.json",
        "torchscript": MODELS / "production_model.pt",
        "model": MODELS / "production_model.onnx",
    }
    metrics = {name: value for name, value in figures["metrics"].items() if isinstance(value, float)}
    record_run(
        MODELS / "run.json",
        params={key: value for key, value in config.items() if key != "seed"} | {"parameters": parameters(network)},
        metrics=metrics | {"seconds": round(time.monotonic() - clock, 1)},
        data={**tables, **files},
        seed=config["seed"],
        features=["image"],
        framework=f"PyTorch {torch.__version__}",
        version=sources(),
        started=started,
    )
    print(json.dumps({"model": str(files["model"]), "bytes": files["model"].stat().st_size, **metrics}))


if __name__ == "__main__":
    main()
