"""Train one variant: `python train.py [--variant position] [--small | --full]`.

Plain PyTorch on the CPU, one thread, everything seeded. The encoder is pre-trained on unlabelled bars (`pretrain.py`), the network is
taught type and place of the span together (`losses.py`), training stops when the validation has not improved for a while and keeps the
best epoch. What comes of a variant lies in `models/`, each file under the variant's name:

    position.onnx            the network as one file: `window` in; `probabilities`, `start`, `end` out; any number of rows
    position.pt              its weights under `state_dict`, for the CPU, and the architecture they belong to
    position.encoder.pt      the pre-trained encoder that it began with
    position.metadata.json   architecture (counted), training, validation figures
    position.history.json    losses by epoch, and why the training stopped
    position.log             what the training said
    position.predictions.parquet   what it says of every validation window
    position.run.json        the run record; a line of it goes to runs.jsonl
    position.card.md         the model card: docs/model_card.md with the figures of this run
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import random
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from gonogo import record_run
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from card import write_card
from checkpoints import load, load_encoder, save
from config import Config, Setting, read_config
from evaluate import Figures, Windows, figures, macro_f1, predict, read
from export import export
from losses import UncertaintyWeighted, task_losses, tasks_of
from networks import VARIANTS, Shape, SpanNet, parameters
from pretrain import pretrain

SOURCES = ("bars.py", "crf.py", "export.py", "features.py", "losses.py", "networks.py", "prepare.py", "pretrain.py", "spans.py", "train.py")
say = logging.getLogger("train")


def main() -> None:
    arguments = parse()
    torch.set_num_threads(1)
    config = read_config()
    seed(config.seed)
    started = datetime.now(UTC)
    setting, variant, out = config.settings[arguments.setting], arguments.variant, arguments.out
    out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", handlers=[logging.FileHandler(out / f"{variant}.log", "w")])
    tables = {part: arguments.data / f"{part}.parquet" for part in ("train", "validation")}
    train, validation = (read(path) for path in tables.values())

    shape = VARIANTS[variant]
    net = shape.build()
    encoder = out / f"{variant}.encoder.pt"
    bars = arguments.data / "unlabelled.parquet"
    save(encoder, pretrain(shape, bars, setting.pretrain_epochs, setting.pretrain_windows, config.seed), shape)
    load_encoder(encoder, net)
    history, best = fit(net, train, validation, config, setting, out / f"{variant}.pt", shape)
    (out / f"{variant}.history.json").write_text(json.dumps(history, indent=1) + "\n")

    best_net = load(out / f"{variant}.pt")
    centre(best_net, validation)
    save(out / f"{variant}.pt", best_net, shape)
    model = out / f"{variant}.onnx"
    gap = export(best_net, model, validation.window[:64])
    on_validation = figures(best_net, validation)
    predictions = out / f"{variant}.predictions.parquet"
    write_predictions(predictions, best_net, validation)
    seconds = round((datetime.now(UTC) - started).total_seconds(), 1)
    params = {
        "epochs": len(history["epochs"]),
        "batch_size": config.batch_size,
        "learning_rate": config.learning_rate,
        "setting": arguments.setting,
        "parameters": parameters(best_net),
        **{key: value for key, value in asdict(shape).items() if key != "num_classes"},
    }
    losses = {"train_loss": round(best["train_loss"], 6), "validation_loss": round(best["validation_loss"], 6)}
    metrics = {**on_validation.recorded(), **losses, "export_gap": gap}
    write_metadata(out / f"{variant}.metadata.json", variant, best_net, {**params, "seed": config.seed}, on_validation, len(train.label))
    say.info("Training complete")
    record_run(
        out / f"{variant}.run.json",
        params=params,
        metrics=metrics,
        data={**tables, "model": model, "checkpoint": out / f"{variant}.pt", "encoder": encoder, "predictions": predictions},
        seed=config.seed,
        features=["window"],
        framework=f"torch {torch.__version__}",
        version=sources(),
        started=started,
        name=variant,
        family="bilstm-crf" if shape.chain else "bilstm",
        status="CANDIDATE",
        epochs=params["epochs"],
        seconds=seconds,
    )
    on_test = figures(best_net, read(arguments.data / "test.parquet"))
    write_card(out / f"{variant}.card.md", variant, best_net, on_validation, on_test, history)
    print(json.dumps({"model": str(model), "bytes": model.stat().st_size, "parameters": params["parameters"], **metrics}))


def fit(
    net: SpanNet, train: Windows, validation: Windows, config: Config, setting: Setting, path: Path, shape: Shape
) -> tuple[dict, dict[str, float]]:
    """Train until the validation stops improving; the best epoch's weights are at `path`. Gives the history and the best epoch."""
    weighing = UncertaintyWeighted(tasks_of(net))
    optimizer = torch.optim.Adam([*net.parameters(), *weighing.parameters()], lr=config.learning_rate)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=setting.epochs * -(-len(train.label) // config.batch_size)
    )
    order = torch.Generator().manual_seed(config.seed)
    batches = DataLoader(TensorDataset(train.window, train.label, train.span), config.batch_size, shuffle=True, generator=order)
    epochs: list[dict[str, float]] = []
    best: dict[str, float] = {"validation_loss": float("inf")}
    since, reason = 0, "epoch_limit"
    for number in range(1, setting.epochs + 1):
        begun = time.perf_counter()
        train_loss = one_epoch(net, weighing, optimizer, rate, batches)
        validation_loss = mean_loss(net, validation)
        sigmas = {f"log_sigma_{task}": round(value.item(), 4) for task, value in weighing.log_sigma.items()}
        epochs.append({"epoch": number, "train_loss": train_loss, "validation_loss": validation_loss, **sigmas})
        say.info("epoch %d: train %.4f, validation %.4f, %.1f s", number, train_loss, validation_loss, time.perf_counter() - begun)
        if validation_loss < best["validation_loss"]:
            best, since = epochs[-1], 0
            save(path, net, shape)
            continue
        since += 1
        if since >= setting.patience:
            reason = "early_stopping"
            break
    if not np.isfinite(best["validation_loss"]):
        raise SystemExit("the loss on validation was never a number: nothing was kept")
    return {"stop_reason": reason, "epochs": epochs}, best


def one_epoch(
    net: SpanNet,
    weighing: UncertaintyWeighted,
    optimizer: torch.optim.Optimizer,
    rate: torch.optim.lr_scheduler.LRScheduler,
    batches: DataLoader,
) -> float:
    """One pass over the training windows; the mean loss, in which every task counts as much."""
    net.train()
    total, rows = 0.0, 0
    for window, label, span in batches:
        optimizer.zero_grad()
        losses = task_losses(net, net(window), label, span)
        weighing(losses).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        rate.step()
        total += plain(losses) * len(label)
        rows += len(label)
    return total / rows


@torch.inference_mode()
def mean_loss(net: SpanNet, windows: Windows) -> float:
    net.eval()
    return plain(task_losses(net, net(windows.window), windows.label, windows.span))


def plain(losses: dict[str, Tensor]) -> float:
    return float(sum(loss.item() for loss in losses.values()))


@torch.inference_mode()
def centre(net: SpanNet, validation: Windows) -> None:
    """Move the classifier's bias so that one half is the threshold that serves the validation best, in macro-F1.

    Training windows are mostly generated and have more retracements than real years do, so one half would say that too often. Of
    thresholds that are equally good the middle one is taken.
    """
    scores = predict(net, validation.window)[0][:, 1]
    grid = torch.arange(0.05, 0.96, 0.01)
    worth = torch.tensor([macro_f1((scores >= threshold).long(), validation.label) for threshold in grid])
    best = grid[worth == worth.max()]
    threshold = best[len(best) // 2]
    net.classifier.bias[1] -= torch.logit(threshold)
    say.info("threshold %.2f of the validation becomes one half", threshold.item())


def seed(number: int) -> None:
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def write_metadata(path: Path, variant: str, net: SpanNet, params: dict, on_validation: Figures, rows: int) -> None:
    """What the network is: sizes, every tensor's shape, how it was trained, how good it is. All counted or measured here."""
    shape = asdict(VARIANTS[variant])
    tensors = {name: list(value.shape) for name, value in net.state_dict().items()}
    document = {
        "version": "1.0.0",
        "deployment_date": datetime.now(UTC).date().isoformat(),
        "model_type": f"span-net-{variant}",
        "architecture": {**shape, "total_params": parameters(net), "tensors": tensors},
        "training": {"dataset": f"train.parquet ({rows} windows)"}
        | {key: params[key] for key in ("epochs", "batch_size", "learning_rate", "seed")},
        "validation_metrics": on_validation.stated(),
        "notes": "labels windows of 105 daily bars, and marks the span",
    }
    path.write_text(json.dumps(document, indent=1) + "\n")


def write_predictions(path: Path, net: SpanNet, windows: Windows) -> None:
    """What the network says of every validation window: row, its label, the label said. Candidates are compared on these."""
    probabilities, _ = predict(net, windows.window)
    said = (probabilities[:, 1] >= 0.5).long()
    columns = {"row": np.arange(len(said)), "label": windows.label.numpy(), "predicted": said.numpy()}
    pq.write_table(pa.table(columns), path)


def sources() -> str:
    """Which version of this code trained: the digest of the files that decide what the model becomes."""
    here = Path(__file__).resolve().parent
    return f"sources-{hashlib.sha256(b''.join((here / name).read_bytes() for name in SOURCES)).hexdigest()[:12]}"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train, export to ONNX and record the run.")
    parser.add_argument("--variant", choices=sorted(VARIANTS), default="position")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--small", dest="setting", action="store_const", const="small", help="a look: seconds")
    size.add_argument("--full", dest="setting", action="store_const", const="full", help="to the end: minutes")
    parser.set_defaults(setting="default")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, default=Path("models"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
