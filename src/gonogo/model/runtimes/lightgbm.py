"""LightGBM models from their text form, on one thread, on the CPU (LightGBM uses a GPU for training only).

The score is a probability or the model is refused: `binary` and `cross_entropy` give that of the last class, `multiclass` and
`multiclassova` one for each class. Other objectives, one's own among them, give raw margins. Early stopping is kept by the file itself:
LightGBM saves the trees up to the best iteration.

Source: LightGBM 4.7, `Booster.predict`, and the text format as `GBDT::SaveModelToString` writes it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from gonogo.errors import ModelError
from gonogo.model.declared import Declared, first_line, library
from gonogo.model.one_output import OneOutput, numeric_inputs, one_matrix
from gonogo.model.runtime import NO_OPTIONS, GraphOutput

#: What LightGBM imports where it is installed, and a Booster on arrays never uses: without them it takes a fifth of the time and memory.
_NOT_NEEDED = ("pandas", "sklearn", "pyarrow", "matplotlib", "dask", "graphviz", "datatable")
_PROBABILITIES = ("binary", "cross_entropy", "xentropy", "multiclass", "softmax", "multiclassova", "multiclass_ova", "ova", "ovr")


class LightgbmRuntime:
    """Loads a LightGBM text model. See `gonogo.model.runtime.Runtime`."""

    name: ClassVar[str] = "lightgbm"

    def prepare(self) -> None: ...

    def load(self, data: bytes, options: Mapping[str, Any] = NO_OPTIONS) -> OneOutput:
        """Load a model. Raises ModelError when the text is not whole, or its objective gives no probabilities."""
        declared = Declared.read(options)
        with _without_friends():
            lightgbm = library("lightgbm", "a LightGBM model", "lightgbm")
        declared.settled_device(False, "LightGBM")
        text = _whole(data)
        _refuse_recoded(text)
        objective = _line(text, "objective").partition(" ")[0]
        if objective not in _PROBABILITIES:
            raise ModelError(
                f"the objective {objective or '(none)'!r} gives raw margins, not probabilities.",
                hint="Train with the objective binary or multiclass.",
            )
        try:
            booster = lightgbm.Booster(model_str=text)
        except Exception as error:  # a LightGBMError, or whatever its parser stumbles over
            raise ModelError(f"LightGBM cannot load the model: {first_line(error)}", hint="Save it again.") from error
        names = [str(name) for name in booster.feature_name()]
        inputs = numeric_inputs(declared.inputs, booster.num_feature(), names, "the LightGBM model")
        matrix, predict = one_matrix(inputs), booster.predict
        output = GraphOutput(declared.output, "float64", (None, booster.num_model_per_iteration()))
        named = not all(re.fullmatch(r"Column_\d+", name) for name in names)
        metadata = {"feature_names": json.dumps(names)} if named else {}
        return OneOutput(inputs, output, lambda batch: predict(matrix(batch), num_threads=1), metadata=metadata)


@contextmanager
def _without_friends() -> Iterator[None]:
    """Lets an import find none of `_NOT_NEEDED`, as if they were not installed; what is imported already stays."""
    kept_out = [name for name in _NOT_NEEDED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(kept_out))  # type: ignore[arg-type]  # None is Python's own word for "not to be found"
    try:
        yield
    finally:
        for name in kept_out:
            del sys.modules[name]


def _whole(data: bytes) -> str:
    """The text of a model. What is cut is refused before LightGBM's parser sees it, which may read beyond the end."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError("the model is no LightGBM text file.", hint="Save it with booster.save_model(path).") from error
    end = text.rfind("\nend of parameters")
    last = text.rstrip().rpartition("\n")[2]
    sizes = _line(text, "tree_sizes").split()
    first, trees_end = text.find("\nTree=0\n") + 1, text.find("\nend of trees")
    complete = (
        text.startswith("tree\n")
        and 0 < trees_end < end
        and (last == "end of parameters" or last.startswith("pandas_categorical:"))
        and all(size.isdigit() for size in sizes)
        and len(sizes) == text.count("\nTree=")
        and (not sizes or sum(map(int, sizes)) == len(text[first : trees_end + 1].encode()))
    )
    if not complete:
        raise ModelError("the model is not a whole LightGBM text file.", hint="Save it with booster.save_model(path), or copy it again.")
    return text


def _refuse_recoded(text: str) -> None:
    """Numbers that pandas kept as categories were trained on as codes from 0 on; as they are, they would be scored wrongly."""
    last = text.rstrip().rpartition("\n")[2]
    if not last.startswith("pandas_categorical:"):
        return
    try:
        maps = json.loads(last.partition(":")[2]) or []
    except ValueError:
        maps = None
    if not isinstance(maps, list) or not all(isinstance(categories, list) for categories in maps):
        raise ModelError("the model's last line is no list of pandas categories.", hint="Save it with booster.save_model(path).")
    for categories in maps:
        if all(isinstance(one, int | float) for one in categories) and categories != list(range(len(categories))):
            shown = ", ".join(map(str, categories[:5])) + (", …" if len(categories) > 5 else "")
            raise ModelError(
                f"the model was trained on a pandas category of the numbers {shown}, which LightGBM saw as 0 to {len(categories) - 1}: "
                "the numbers themselves would be scored wrongly.",
                hint="Train on the plain numbers, or on codes from 0 on that the tables have too.",
            )


def _line(text: str, key: str) -> str:
    found = re.search(rf"^{key}=(.*)$", text[: text.find("\nTree=") + 1 or len(text)], re.MULTILINE)
    return found.group(1).strip() if found else ""
