"""What are the model's bytes?"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from gonogo.base.tree import read_tree
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView
from gonogo.evidence.record import Fact, Measurement
from gonogo.model.formats import sniff

CODE = ("pickle", "torch")  #: formats that run code when they are loaded


class ModelFormat(Check):
    """Is the model in a format that cannot run code when it is loaded, and is nothing else in the bundle in such a format?"""

    name = "model_format"
    facts: ClassVar = {
        "format": "format of the declared model, told by its content",
        "bundled_format": "format of the model in the bundle",
        "pickle_files": "files of the bundle that are pickles, or hold pickles",
        "files_scanned": "files of the bundle that were looked at",
        "size_mb": "size of the model in the bundle",
    }

    def measure(self, model_file: Path, bundle: BundleView) -> Measurement:
        paths = [file.path for file in read_tree(bundle.root).files if file.size]
        pickles = [path for path in paths if sniff(bundle.root / path) in CODE]
        return Measurement(
            {
                "format": Fact(sniff(model_file)),
                "bundled_format": Fact(sniff(bundle.model_path)),
                "pickle_files": Fact(len(pickles)),
                "files_scanned": Fact(len(paths)),
                "size_mb": Fact(bundle.model_path.stat().st_size / 1e6, "MB"),
            },
            tuple(f"{path} is a pickle: loading it runs whatever its author wrote" for path in pickles),
        )
