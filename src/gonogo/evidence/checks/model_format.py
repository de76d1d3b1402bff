"""What are the model's bytes?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from gonogo.base.tree import read_tree
from gonogo.evidence.check import Check
from gonogo.evidence.declared import declared_file
from gonogo.evidence.inputs import BundleView
from gonogo.evidence.record import Fact, Measurement
from gonogo.model.formats import sniff
from gonogo.model.pickles import Pickle, pickles_in
from gonogo.model.skops_file import untrusted_types


class ModelFormat(Check):
    """Is the model in a format that cannot run code when it is loaded, and is nothing else in the bundle in such a format?

    Looked at are all files of the bundle and the declared model, or instead of it the file that `file` names under `files` in gonogo.yaml
    (a scaler, say). Pickles are read and never loaded: each function that one would fetch is compared with a list of harmless ones, and
    what is not on it is unsafe. A skops file may build plain data and the types that `trusted` names ("module.Class"), nothing else.
    """

    name = "model_format"
    facts: ClassVar = {
        "format": "format of the declared model (or `file`), told by its content",
        "bundled_format": "format of the model in the bundle",
        "pickle_files": "files looked at that are pickles, or hold pickles",
        "unsafe_globals": "functions that these would fetch and that are not known to be harmless, and pickles without a known end",
        "untrusted_types": "types in skops files that are neither plain data nor in `trusted`",
        "files_scanned": "files of the bundle that were looked at",
        "size_mb": "size of the model in the bundle",
    }
    options: ClassVar = {"file": "", "trusted": []}

    def measure(self, model_file: Path, bundle: BundleView, files: Mapping[str, Path] | None = None) -> Measurement:
        declared = declared_file(files or {}, self.chosen["file"]) if self.chosen["file"] else model_file
        if declared.is_dir():  # what ships of a folder is what was packed
            declared = bundle.model.path
        bundled = {file.path: bundle.root / file.path for file in read_tree(bundle.root).files if file.size}
        looked = dict(bundled)
        if declared.resolve() not in {path.resolve() for path in bundled.values()}:
            looked[declared.name] = declared
        formats = {name: sniff(path) for name, path in looked.items()}
        pickles = {name: found for name, path in looked.items() if (found := pickles_in(path))}
        types = {name: untrusted_types(path, self.chosen["trusted"]) for name, path in looked.items() if formats[name] == "skops"}
        return Measurement(
            {
                "format": Fact(sniff(declared)),
                "bundled_format": Fact(sniff(bundle.model.path)),
                "pickle_files": Fact(len(pickles)),
                "unsafe_globals": Fact(sum(len(part.unsafe) for found in pickles.values() for part in found)),
                "untrusted_types": Fact(sum(map(len, types.values()))),
                "files_scanned": Fact(len(bundled)),
                "size_mb": Fact(bundle.model.path.stat().st_size / 1e6, "MB"),
            },
            (
                *(line for name, found in pickles.items() for line in _words(name, found)),
                *(f"{name} would build {kind}, which is not trusted" for name, found in types.items() for kind in found),
            ),
        )


def _words(name: str, found: tuple[Pickle, ...]) -> list[str]:
    """One line for the file and one for each thing that is unsafe in it."""
    lines = [f"{name} is a pickle: loading it runs whatever its author wrote" if not found[0].part else f"{name} holds a pickle"]
    for part in found:
        where = f"{name}: {part.part}" if part.part else name
        lines += [f"{where} would fetch {fetched}" for fetched in part.unsafe if fetched != part.problem]
        lines += [f"{where}: {part.problem}"] if part.problem else []
    return lines
