"""Do the sources import only what there is, and never in a circle?"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import SourceTree
from gonogo.evidence.record import Fact, Measurement

LARGEST = 8 << 20


class ImportTree(Check):
    """Can every import of the sources be found, and do the modules import each other without a circle?

    The sources are parsed, never run. An import is found when it is in the standard library, in an installed package, or among the
    sources. One that the code expects to fail (`try: import x` with `except ImportError`) is passed over. A circle counts where modules
    import each other while they load: inside functions and under TYPE_CHECKING they may.
    """

    name = "import_tree"
    facts: ClassVar = {
        "modules": "Python files that were parsed",
        "imports": "imports in them",
        "unresolved": "imports that nothing here provides",
        "circles": "groups of modules that import each other while they load",
        "unparsable": "Python files that cannot be parsed",
    }

    def measure(self, source: SourceTree) -> Measurement:
        files = [path for path in source.files if path.suffix == ".py"]
        if not files:
            raise DataError("there is no Python file among the sources.", hint="Mend `code.paths` in gonogo.yaml.")
        trees, broken = _parsed(files, source.root)
        own = _modules(trees, source.root)
        known = set(sys.stdlib_module_names) | set(metadata.packages_distributions()) | {name.partition(".")[0] for name in own}
        edges: dict[str, set[str]] = {}
        unresolved, imports = [], 0
        for module, path in own.items():
            found = _imports(trees[path], module, is_package=path.name == "__init__.py")
            for name, line, loads, expected in sorted(found, key=lambda one: one[1]):
                imports += 1
                if name.partition(".")[0] not in known and not expected:
                    unresolved.append(f"{path.relative_to(source.root).as_posix()}:{line}: {name} is not here")
                if loads and (target := _own(name, own)) not in (None, module):
                    edges.setdefault(module, set()).add(str(target))
        circles = _circles(edges)
        return Measurement(
            {
                "modules": Fact(len(files)),
                "imports": Fact(imports),
                "unresolved": Fact(len(unresolved)),
                "circles": Fact(len(circles)),
                "unparsable": Fact(len(broken)),
            },
            (*broken, *unresolved, *(f"circle: {' → '.join(circle)}" for circle in circles)),
        )


def _parsed(files: list[Path], root: Path) -> tuple[dict[Path, ast.Module], list[str]]:
    trees, broken = {}, []
    for path in files:
        try:
            if path.stat().st_size > LARGEST:
                raise ValueError(f"it has more than {LARGEST >> 20} MiB")
            trees[path] = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            broken.append(f"{path.relative_to(root).as_posix()} cannot be parsed: {error}")
    return trees, broken


def _modules(trees: Mapping[Path, ast.Module], root: Path) -> dict[str, Path]:
    """Every file by the name that it is imported by: its folders from the topmost one that is a package, or from `src`."""
    found = {}
    for path in trees:
        start = path.parent
        while start != root and (start / "__init__.py").exists():
            start = start.parent
        parts = list(path.relative_to(start).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)] = path
    return found


def _imports(tree: ast.Module, module: str, *, is_package: bool) -> Iterator[tuple[str, int, bool, bool]]:
    """Full name, line, whether it happens while the module loads, and whether its failure is expected."""
    package = module if is_package else module.rpartition(".")[0]
    stack: list[tuple[ast.AST, bool, bool]] = [(tree, True, False)]
    while stack:
        node, loads, expected = stack.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno, loads, expected) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            yield from ((f"{base}.{alias.name}".strip("."), node.lineno, loads, expected) for alias in node.names)
        else:
            inside = loads and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            guarded = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
            trial = isinstance(node, ast.Try) and any("Import" in ast.dump(one.type) for one in node.handlers if one.type)
            stack += [(child, inside and not guarded, expected or trial) for child in ast.iter_child_nodes(node)]


def _own(name: str, own: Mapping[str, Path]) -> str | None:
    """The module among the sources that a name is or lies in."""
    while name and name not in own:
        name = name.rpartition(".")[0]
    return name or None


def _circles(edges: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of modules of which each reaches every other, each group sorted (Tarjan 1972, SIAM J. Comput. 1(2), without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    found: list[list[str]] = []
    for start in sorted(edges):
        if start in index:
            continue
        work = [(start, iter(sorted(edges.get(start, ()))))]
        index[start] = low[start] = len(index)
        path.append(start)
        while work:
            module, targets = work[-1]
            target = next(targets, None)
            if target is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[module])
                if low[module] == index[module]:
                    group = path[path.index(module) :]
                    del path[path.index(module) :]
                    if len(group) > 1:
                        found.append(sorted(group))
            elif target not in index:
                index[target] = low[target] = len(index)
                path.append(target)
                work.append((target, iter(sorted(edges.get(target, ())))))
            elif target in path:
                low[module] = min(low[module], index[target])
    return found
