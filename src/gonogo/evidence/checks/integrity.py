"""Are the bytes in the bundle the bytes that were declared?"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from gonogo.base.tree import file_digest, read_tree
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView
from gonogo.evidence.record import Fact, Measurement
from gonogo.model.formats import shipped_digest


class Integrity(Check):
    """Is the bundled model the declared file (or folder, packed), byte for byte, and is the bundle what its digest says?"""

    name = "integrity"
    facts: ClassVar = {
        "sha256_match": "whether the declared model and the bundled one have the same SHA-256",
        "tree_ok": "whether every file of the bundle, hashed now, gives the bundle's root digest",
        "sha256": "SHA-256 of the bundled model",
        "files": "files of the bundle",
    }

    def measure(self, model_file: Path, bundle: BundleView) -> Measurement:
        declared, bundled, tree = shipped_digest(model_file), file_digest(bundle.model.path), read_tree(bundle.root)
        findings = []
        if declared != bundled:
            findings.append(f"the declared model is {declared}, the bundled one {bundled}")
        if tree.root_digest != bundle.digest:
            findings.append(f"the bundle's files give {tree.root_digest}, not {bundle.digest}")
        return Measurement(
            {
                "sha256_match": Fact(declared == bundled),
                "tree_ok": Fact(tree.root_digest == bundle.digest),
                "sha256": Fact(bundled.removeprefix("sha256:")),
                "files": Fact(len(tree.files)),
            },
            tuple(findings),
        )
