"""The checks on what the sources import and what the lock's packages need."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from gonogo.errors import DataError
from gonogo.evidence.inputs import SourceTree
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement
from measured import values


@pytest.fixture
def imports(tmp_path: Path) -> Callable[..., Measurement]:
    """`imports({"src/a.py": "import b"})`"""

    def run(files: dict[str, str], below: str = "src") -> Measurement:
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        return measure("import_tree", source=SourceTree.read(tmp_path, [Path(below)]))

    return run


PACKAGE = {
    "src/flat.py": "import numpy.linalg\nfrom shop.deep import part\n",
    "src/shop/__init__.py": "",
    "src/shop/a.py": "from __future__ import annotations\nimport json, os.path\nfrom . import b\nfrom .deep.part import x\n",
    "src/shop/b.py": "from shop.deep import part\n",
    "src/shop/deep/__init__.py": "",
    "src/shop/deep/part.py": "import yaml\nx = 1\n",
}


def test_imports_of_the_library_of_packages_and_of_the_sources_are_found(imports: Any) -> None:
    found = imports(PACKAGE)
    assert values(found) == {"modules": 6, "imports": 9, "unresolved": 0, "circles": 0, "unparsable": 0}
    assert found.findings == ()


def test_an_import_that_nothing_provides_is_named_unless_it_is_expected_to_fail(imports: Any) -> None:
    code = "try:\n    import no_such_thing\nexcept ImportError:\n    no_such_thing = None\n"
    code += "import another_one.part\ndef f():\n    from third import x\n"
    found = imports({**PACKAGE, "src/shop/c.py": code})
    assert values(found)["unresolved"] == 2
    assert found.findings == ("src/shop/c.py:5: another_one.part is not here", "src/shop/c.py:7: third.x is not here")


@pytest.mark.parametrize(
    ("back", "circles"),
    [
        ("from shop import a", 1),
        ("from .a import thing", 1),
        ("import shop.a", 1),
        ("class C:\n    import shop.a", 1),
        ("def f():\n    from shop import a", 0),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from shop import a", 0),
    ],
)
def test_a_circle_counts_where_modules_need_each_other_to_load(imports: Any, back: str, circles: int) -> None:
    found = imports({**PACKAGE, "src/shop/b.py": back})
    assert values(found)["circles"] == circles
    assert [line for line in found.findings if line.startswith("circle")] == ["circle: shop.a → shop.b"] * circles


def test_two_circles_are_two_and_a_long_one_is_one(imports: Any) -> None:
    long = {f"src/m{n}.py": f"import m{(n + 1) % 50}\n" for n in range(50)}
    found = imports({**long, "src/p.py": "import q\nimport m0", "src/q.py": "import p"})
    assert values(found)["circles"] == 2


def test_a_file_that_cannot_be_parsed_is_counted_and_none_of_it_is_run(imports: Any, tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'pwned')!r}, 'w')\n"
    found = imports({"src/a.py": trap, "src/b.py": "def (", "src/c.py": "\0", "src/d.py": "(" * 5000})
    assert values(found)["unparsable"] == 3
    assert not (tmp_path / "pwned").exists()


def test_sources_without_python_are_an_error(imports: Any) -> None:
    with pytest.raises(DataError, match="no Python file"):
        imports({"src/readme.txt": ""})


# -- dependency_tree ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def depends(tmp_path: Path) -> Callable[[str], Measurement]:
    def run(lock: str) -> Measurement:
        (tmp_path / "r.lock").write_text(lock)
        return measure("dependency_tree", environment=tmp_path / "r.lock")

    return run


def test_a_lock_that_names_all_that_its_packages_need_has_no_conflict(depends: Any) -> None:
    found = depends(f"Jinja2=={version('jinja2')}\nmarkupsafe=={version('markupsafe')}\nother==1 ; sys_platform == 'none'\n")
    assert values(found) == {"packages": 2, "conflicts": 0, "unlocked": 0, "unknown": 0}


def test_what_is_not_locked_too_old_or_not_installed_is_counted_and_named(depends: Any) -> None:
    found = depends(f"jinja2=={version('jinja2')}\nno-such-thing==1\n")
    assert values(found) == {"packages": 2, "conflicts": 0, "unlocked": 1, "unknown": 1}
    found = depends(f"jinja2=={version('jinja2')}\nmarkupsafe==1.0\n")
    assert values(found) == {"packages": 2, "conflicts": 1, "unlocked": 0, "unknown": 1}
    assert found.findings[0].startswith("jinja2 needs MarkupSafe>=2")
