"""Which types a skops file would build, read from its schema.json without skops.

A skops file is a zip of arrays and a tree of nodes; each node names a class and how it is built (its loader). A file is trusted when every
class is on a list that the reader wrote, and every loader is one that only builds. Loaders that call what the file names (methods, partial
functions, operators, random generators, constructors from `__reduce__`) are never trusted: what they do depends on their arguments, too.

Source: skops 0.16 (`skops/io/_audit.py`, `_general.py`, `_numpy.py`), protocol 2.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO

from gonogo.errors import ModelError

PROTOCOL = 2  #: of skops 0.16; in older ones, loaders of the same names did other things
MOST_SCHEMA = 64 << 20  #: bytes of schema.json
MOST_NODES = 1_000_000

_LOADERS = frozenset(
    {
        "DictNode", "DefaultDictNode", "ListNode", "SetNode", "TupleNode", "FunctionNode", "TypeNode", "SliceNode", "ObjectNode",
        "JsonNode", "BytesNode", "BytearrayNode", "NdArrayNode", "MaskedArrayNode", "RandomStateNode", "DTypeNode",
        "SparseMatrixNode", "TreeNode", "LossNode", "CachedNode",
    }
)  # fmt: skip
#: Types that are nothing but data.
PLAIN = frozenset(
    {
        *(f"builtins.{name}" for name in ("dict", "list", "tuple", "set", "frozenset", "str", "int", "float", "bool", "complex", "bytes")),
        "builtins.bytearray", "builtins.slice", "builtins.NoneType", "collections.OrderedDict", "numpy.ndarray", "numpy.dtype",
        "numpy.bool", "numpy.bool_", *(f"numpy.{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
        *(f"numpy.float{bits}" for bits in (16, 32, 64)),
    }
)  # fmt: skip


def untrusted_types(file: Path | BinaryIO, trusted: Collection[str]) -> tuple[str, ...]:
    """What the file would build that is neither plain data nor in `trusted` ("module.Class"), sorted; () when it may be loaded.

    Raises ModelError when it is no skops file, or one that cannot be read to its end.
    """
    try:
        with zipfile.ZipFile(file) as archive, archive.open("schema.json") as member:
            text = member.read(MOST_SCHEMA + 1)
        if len(text) > MOST_SCHEMA:
            raise ValueError("its schema is too long")
        tree = json.loads(text)
        if not isinstance(tree, dict) or "__loader__" not in tree:
            raise ValueError("its schema names no object")
        protocol = tree.get("protocol")
        older = set() if protocol == PROTOCOL else {f"whatever protocol {protocol} means by it"}
        return tuple(sorted(_untrusted(tree, frozenset(trusted) | PLAIN) | older))
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        KeyError,
        ValueError,
        TypeError,
        RecursionError,
        EOFError,
        OSError,
    ) as error:
        name = file if isinstance(file, Path) else "the model"
        raise ModelError(f"{name} is no skops file that can be read: {error}.") from error


def _untrusted(tree: Any, trusted: frozenset[str]) -> set[str]:
    found: set[str] = set()
    waiting, seen = [tree], 0
    while waiting:
        seen += 1
        if seen > MOST_NODES:
            raise ValueError(f"its schema has more than {MOST_NODES:,} nodes")
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            waiting += node.values()
            if not node.keys().isdisjoint(("__class__", "__module__", "__loader__")):
                name, loader = f"{node.get('__module__')}.{node.get('__class__')}", node.get("__loader__")
                if loader not in _LOADERS:
                    found.add(f"{name} through {loader}")
                elif name not in trusted:
                    found.add(name)
    return found
