"""What the forest rests on: `python explain.py` writes docs/explanation.md from what the gate measures (the item `interpretability`).

Permutation importance (Breiman 2001): how much ROC-AUC falls on flights of the test table when one feature's values are shuffled among
them. It is measured on the very file that ships, by `gonogo check`; this script only writes it down.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ITEM = "interpretability"


def measured() -> dict:
    """The evidence of the item, as the JSON report has it; measured when it is not there yet or is of another model."""
    command = [sys.executable, "-m", "gonogo", "check", "--only", ITEM, "--json"]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    if "error" in report:
        raise SystemExit(report["error"]["message"])
    return next(item["measurement"] for item in report["items"] if item["item"] == ITEM)


def page(evidence: dict) -> str:
    facts = {name: fact["value"] for name, fact in evidence["facts"].items()}
    if not facts:
        raise SystemExit(f"nothing was measured: {evidence['message']}")
    bars = evidence["pictures"]["importance"]["items"]
    longest = max(bar["value"] for bar in bars)
    lines = [
        "# What the forest rests on",
        "",
        f"Made by `python explain.py`: on {facts['n']:,} flights of the test table the ROC-AUC is {facts['roc_auc']:.4f}. So much of it",
        "goes when the values of one feature are shuffled among the flights.",
        "",
        "| feature | fall of ROC-AUC | |",
        "|---|---|---|",
        *(f"| {one['name']} | {one['value']:.4f} | {'█' * round(20 * max(one['value'], 0) / longest)} |" for one in bars),
        "",
        f"`{facts['top_feature']}` carries {facts['top_share']:.0%} of all that falls. {facts['idle_features']} features bring nothing",
        "here: what they say another one says as well, or it matters only in another season.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    file = Path("docs/explanation.md")
    file.write_text(page(measured()), encoding="utf-8")
    print(f"{file} is written")


if __name__ == "__main__":
    main()
