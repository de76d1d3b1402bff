"""Six hostile pickles, files that are two things at once, and an honest skops forest: what `model_format` says of them.

Each hostile file would, if anything ever loaded it, leave a mark on the disk; no test may find one.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier

import gonogo
from gonogo.errors import ModelError, UsageError
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement
from gonogo.model.formats import model_kind, sniff
from gonogo.model.pickles import HARMLESS, pickles_in
from gonogo.model.skops_file import untrusted_types

TRUSTED = ["sklearn.ensemble._forest.RandomForestClassifier", "sklearn.tree._classes.DecisionTreeClassifier", "sklearn.tree._tree.Tree"]


@pytest.fixture(scope="module")
def forest() -> tuple[RandomForestClassifier, bytes]:
    """A small random forest, and the same as ONNX."""
    x = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
    model = RandomForestClassifier(3, random_state=0).fit(x, (x[:, 0] > 0).astype(int))
    return model, to_onnx(model, x[:1], options={"zipmap": False}).SerializeToString()


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value.encode())]) + value.encode()


def call(module: str, name: str, *arguments: str) -> bytes:
    """Opcodes that fetch module.name and call it with texts."""
    return text(module) + text(name) + b"\x93" + b"(" + b"".join(map(text, arguments)) + b"tR"


def hostile_pickles(mark: Path) -> dict[str, bytes]:
    """Six ways to run code on loading, each leaving `mark`."""
    touch, python = f"touch {mark}", f"open({str(mark)!r}, 'w').close()"
    fetched = call("importlib", "import_module", "os")
    return {
        "os.system": f"cposix\nsystem\n(S'{touch}'\ntR.".encode(),
        # getattr(importlib.import_module("os"), "system")(touch)
        "importlib": b"\x80\x04" + text("builtins") + text("getattr") + b"\x93(" + fetched + text("system") + b"tR(" + text(touch) + b"tR.",
        # numpy's own __builtins__ hold eval; a name with dots is looked up part by part
        "numpy builtins": b"\x80\x04" + text("numpy") + text("__builtins__.get") + b"\x93(" + text("eval") + b"tR(" + text(python) + b"tR.",
        "resolve_name": b"\x80\x04" + call("pkgutil", "resolve_name", "os:system") + b"(" + text(touch) + b"tR.",
        # the name is put together from the memo, so that it stands nowhere beside its module
        "spawnv": b"\x80\x04" + text("spawnv") + b"\x940" + text("os") + b"h\x00\x93(K\x00" + text("/usr/bin/touch")
        + b"](" + text("touch") + text(str(mark)) + b"etR.",
        "timeit": b"(S'" + python.replace("'", '"').encode() + b"'\nitimeit\nTimer\n.",
    }  # fmt: skip


KINDS = tuple(hostile_pickles(Path("mark")))


def judged(folder: Path, data: bytes, forest: Any, bundle: Callable[..., Any], name: str = "extra.bin", **options: Any) -> Measurement:
    """What the check says of a bundle with a good model and one more file, which is also the declared model."""
    root = folder / "bundle"
    root.mkdir()
    (root / "model.onnx").write_bytes(forest[1])
    (root / name).write_bytes(data)
    made = bundle(schema=None, root=root, model_path=root / "model.onnx")
    return measure("model_format", options, model_file=root / name, bundle=made)


@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_pickle_is_found_and_never_run(kind: str, tmp_path: Path, forest: Any, bundle: Callable[..., Any]) -> None:
    mark = tmp_path / "mark"
    found = judged(tmp_path, hostile_pickles(mark)[kind], forest, bundle)
    assert found.facts["format"].value == "pickle"
    assert found.facts["pickle_files"].value == 1
    assert found.facts["unsafe_globals"].value >= 1
    assert any("would fetch" in line for line in found.findings)
    assert not mark.exists()


@pytest.mark.parametrize("kind", ["os.system", "importlib", "numpy builtins", "resolve_name", "spawnv"])
def test_these_files_really_are_hostile(kind: str, tmp_path: Path) -> None:
    """Otherwise the tests above would prove nothing. A child loads them, here and nowhere else."""
    mark = tmp_path / "mark"
    (tmp_path / "p").write_bytes(hostile_pickles(mark)[kind])
    subprocess.run([sys.executable, "-c", f"import pickle, numpy; pickle.load(open({str(tmp_path / 'p')!r}, 'rb'))"], check=True)
    for _ in range(50):
        if mark.exists():
            break
        subprocess.run(["sleep", "0.1"], check=True)  # spawnv does not wait
    assert mark.exists()


@pytest.mark.parametrize("pack", [zlib.compress, gzip.compress, bz2.compress, lzma.compress], ids=["zlib", "gzip", "bz2", "xz"])
def test_compressing_a_hostile_pickle_hides_nothing(pack: Any, tmp_path: Path, forest: Any, bundle: Callable[..., Any]) -> None:
    found = judged(tmp_path, pack(hostile_pickles(tmp_path / "mark")["os.system"]), forest, bundle)
    assert "extra.bin would fetch posix.system" in found.findings


# -- two things at once -------------------------------------------------------------------------------------------------------------


def safetensors_and_pickle(mark: Path) -> bytes:
    """A whole safetensors file that is a pickle, too.

    Its first byte is the opcode T (a text; four bytes give its length). The header's length is chosen so that this text ends inside the
    header, in a JSON text; from there opcodes U (a text; one byte gives its length) lead to the bytes of the tensor, which are a program.
    """
    program = f"cposix\nsystem\n(S'touch {mark}'\ntR.".encode().ljust(256, b"\0")
    tail = '"},"w":{"dtype":"U8","shape":[256],"data_offsets":[0,256]}}'
    size = 0x54 + 256 * 40
    header = '{"__metadata__":{"a":"'.ljust(5 + 40 - 8, "x")
    while (left := size - len(header)) > 128:
        step = min(128, left - len(tail) - 2)
        header += "U" + chr(step - 2) + "x" * (step - 2)
    header += "U" + chr(left - 2) + tail.ljust(left - 2)
    return size.to_bytes(8, "little") + header.encode() + program


def onnx_and_archive(model: bytes, hostile: bytes) -> bytes:
    """A whole ONNX file whose description is a zip file with a pickle; readers of zip files look at the end of a file first."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("archive/data.pkl", hostile)
    data, size = packed.getvalue(), len(packed.getvalue())
    return model + b"\x32" + bytes([size & 127 | 128, size >> 7]) + data  # field 6, doc_string


def test_a_safetensors_file_that_is_also_a_pickle_is_a_pickle(tmp_path: Path, forest: Any, bundle: Callable[..., Any]) -> None:
    data = safetensors_and_pickle(tmp_path / "mark")
    size = int.from_bytes(data[:8], "little")
    assert set(json.loads(data[8 : 8 + size])) == {"__metadata__", "w"}  # it is what it pretends to be
    found = judged(tmp_path, data, forest, bundle, name="weights.safetensors")
    assert found.facts["format"].value == "pickle"
    assert "weights.safetensors would fetch posix.system" in found.findings
    assert not (tmp_path / "mark").exists()
    (tmp_path / "p").write_bytes(data)
    subprocess.run([sys.executable, "-c", f"import pickle; pickle.load(open({str(tmp_path / 'p')!r}, 'rb'))"], check=True)
    assert (tmp_path / "mark").exists()  # and what it hides


def test_an_onnx_file_that_is_also_an_archive_with_a_pickle_is_found(tmp_path: Path, forest: Any, bundle: Callable[..., Any]) -> None:
    data = onnx_and_archive(forest[1], hostile_pickles(tmp_path / "mark")["os.system"])
    found = judged(tmp_path, data, forest, bundle, name="model.v2.onnx")
    assert found.facts["format"].value == "onnx"  # loading it as ONNX runs nothing; loading it as PyTorch would
    assert found.facts["pickle_files"].value == 1
    assert "model.v2.onnx: archive/data.pkl would fetch posix.system" in found.findings


def test_an_array_of_objects_holds_a_pickle(tmp_path: Path, forest: Any, bundle: Callable[..., Any]) -> None:
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    assert judged(tmp_path, file.getvalue(), forest, bundle).facts["pickle_files"].value == 1
    np.savez(tmp_path / "numbers.npz", x=np.arange(3), y=np.ones((2, 2)))
    assert pickles_in(tmp_path / "numbers.npz") == ()
    np.savez(tmp_path / "objects.npz", x=np.array([object], dtype=object))
    assert [part.part for part in pickles_in(tmp_path / "objects.npz")] == ["x.npy"]


# -- what is read, and what is not known ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(6))
def test_data_alone_fetches_nothing_unsafe_in_any_protocol(protocol: int, tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(pickle.dumps({"x": [1, 2.5, None, True, (3,), "ü"], "y": {1, 2}, "z": b"\0\1"}, protocol))
    (found,) = pickles_in(tmp_path / "p")
    assert {name.split(".")[-1] for name in found.unsafe} <= {"set"}  # protocols 0 and 1 call it by its old module


@pytest.mark.parametrize("protocol", range(2, 6))
def test_arrays_of_numbers_are_known_and_a_forest_is_not(protocol: int, tmp_path: Path, forest: Any) -> None:
    (tmp_path / "p").write_bytes(pickle.dumps({"w": np.arange(9.0), "s": np.float64(1)}, protocol))
    (found,) = pickles_in(tmp_path / "p")
    assert set(found.unsafe) <= {"numpy._core.numeric._frombuffer"}
    (tmp_path / "p").write_bytes(pickle.dumps(forest[0], protocol))
    (found,) = pickles_in(tmp_path / "p")
    assert "sklearn.ensemble._forest.RandomForestClassifier" in found.unsafe


@pytest.mark.parametrize(
    "data",
    {
        "a name from a number": b"\x80\x04K\x01K\x02\x93.",
        "a name with an escape": b"S'po\\x73ix'\nS'system'\n\x93(tR.",
        "an extension": b"\x80\x02\x82\x01)R.",
        "a persistent id": b"\x80\x02K\x01Q.",
        "a length beyond every file": b"\x80\x04\x8d" + b"\xff" * 8 + b".",
        "no end": pickle.dumps({"x": 1})[:-1],
        "an opcode that does not exist": b"\x80\x04K\x01\xff.",
        "what was never put away": b"\x80\x04h\x07.",
        "an inherited name": b"\x80\x04" + text("collections") + text("OrderedDict.fromkeys") + b"\x93.",
    }.values(),
)  # fmt: skip
def test_what_is_not_known_is_unsafe(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(data)
    (found,) = pickles_in(tmp_path / "p")
    assert found.unsafe


def test_a_program_that_breaks_off_after_it_has_done_its_work_is_a_pickle(tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(hostile_pickles(tmp_path / "mark")["os.system"][:-1] + b"\xff and more")
    (found,) = pickles_in(tmp_path / "p")
    assert "posix.system" in found.unsafe


def test_a_second_pickle_after_a_harmless_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(pickle.dumps(1) + hostile_pickles(tmp_path / "mark")["importlib"])
    assert any("builtins.getattr" in part.unsafe for part in pickles_in(tmp_path / "p"))


@pytest.mark.parametrize(
    "words", ["carrier\ndistance\nbase_fare\n", "cat\ndog\nRed\n", "N.\n", "I am\n.\n", "{}", "(a)", "", "K\n", "c\n", "i"]
)
def test_text_is_no_pickle(words: str, tmp_path: Path) -> None:
    (tmp_path / "p").write_text(words)
    assert pickles_in(tmp_path / "p") == ()


def test_no_harmless_name_can_fetch_another() -> None:
    assert not any(word in name for name in HARMLESS for word in ("getattr", "import", "eval", "exec", "system", "load", "partial"))


# -- skops --------------------------------------------------------------------------------------------------------------------------


def test_a_genuine_forest_saved_with_skops_passes_with_its_types_named(tmp_path: Path, forest: Any, bundle: Callable[..., Any]) -> None:
    data = skops.io.dumps(forest[0])
    found = judged(tmp_path, data, forest, bundle, name="forest.skops", trusted=TRUSTED)
    facts = {name: fact.value for name, fact in found.facts.items()}
    assert (facts["format"], facts["pickle_files"], facts["unsafe_globals"], facts["untrusted_types"]) == ("skops", 0, 0, 0)
    assert found.findings == ()


def test_without_the_list_every_type_of_it_is_named(tmp_path: Path, forest: Any, bundle: Callable[..., Any]) -> None:
    found = judged(tmp_path, skops.io.dumps(forest[0]), forest, bundle, name="forest.skops")
    assert found.facts["untrusted_types"].value == 3
    assert found.findings == tuple(f"forest.skops would build {name}, which is not trusted" for name in sorted(TRUSTED))


def skops_file(path: Path, node: dict[str, Any], protocol: int = 2, **members: bytes) -> Path:
    schema = {"__loader__": "ListNode", "__class__": "list", "__module__": "builtins", "content": [node], "protocol": protocol}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    "loader", ["MethodNode", "OperatorFuncNode", "PartialNode", "ReduceNode", "ConstructorFromReduceNode", "NewNode", None]
)
def test_a_loader_that_calls_is_never_trusted(loader: str | None, tmp_path: Path) -> None:
    path = skops_file(tmp_path / "m", {"__class__": "dict", "__module__": "builtins", "__loader__": loader, "content": {}})
    assert untrusted_types(path, ["builtins.dict"]) == (f"builtins.dict through {loader}",)


def test_an_older_protocol_and_a_loader_that_is_no_word_are_not_trusted(tmp_path: Path) -> None:
    plain = {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "content": {}}
    assert untrusted_types(skops_file(tmp_path / "m", plain), []) == ()
    assert untrusted_types(skops_file(tmp_path / "m", plain, protocol=1), []) == ("whatever protocol 1 means by it",)
    with pytest.raises(ModelError, match="no skops file"):
        untrusted_types(skops_file(tmp_path / "m", {**plain, "__loader__": ["DictNode"]}), [])


def test_a_pickle_among_the_arrays_of_a_skops_file_is_found(tmp_path: Path) -> None:
    node = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": []}
    path = skops_file(tmp_path / "m", node, **{"1.npy": hostile_pickles(tmp_path / "mark")["timeit"]})
    assert sniff(path) == "skops"
    assert [part.part for part in pickles_in(path)] == ["1.npy"]


@pytest.mark.parametrize("schema", [b"", b"[]", b"{}", b"{"])
def test_a_skops_file_that_says_nothing_is_an_error(schema: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m", "w") as archive:
        archive.writestr("schema.json", schema)
    with pytest.raises(ModelError, match="no skops file"):
        untrusted_types(tmp_path / "m", [])


def test_another_declared_file_can_be_asked_about(tmp_path: Path, forest: Any, bundle: Callable[..., Any]) -> None:
    (tmp_path / "model.onnx").write_bytes(forest[1])
    (tmp_path / "scaler").write_bytes(pickle.dumps([1]))
    root = tmp_path / "root"
    root.mkdir()
    (root / "m").write_bytes(forest[1])
    given = {"model_file": tmp_path / "model.onnx", "bundle": bundle(schema=None, root=root, model_path=root / "m")}
    asked = {"file": "scaler"}
    assert measure("model_format", asked, files={"scaler": tmp_path / "scaler"}, **given).facts["format"].value == "pickle"
    with pytest.raises(UsageError, match="no file 'scaler'"):
        measure("model_format", asked, **given)


# -- size ---------------------------------------------------------------------------------------------------------------------------

SPARSE = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
from gonogo.base.tree import file_digest
from gonogo.errors import ModelError
from gonogo.model.formats import model_kind, sniff
from gonogo.model.pickles import pickles_in
path = Path(sys.argv[1])
if len(sys.argv) > 2:
    sys.exit(file_digest(path)[:7] != "sha256:")
print(sniff(path), len(pickles_in(path)))
try:
    print(model_kind(path))
except ModelError as error:
    print(error.message.split(": ")[-1])
"""


def sparse(path: Path, head: bytes, size: int = 3_000_000_000) -> Path:
    """A file of 3 GB with nothing on the disk but its beginning."""
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(size)
    return path


@pytest.mark.parametrize(
    ("head", "said"),
    {
        "ONNX": (b"\x08\x08\x3a" + bytes([0xDE, 0xBD, 0xC0, 0x96, 0x0B]), ["onnx 0", "field 0 does not exist."]),
        "a pickle of one long text": (b"\x80\x04\x8d" + (2_900_000_000).to_bytes(8, "little"), ["pickle 1"]),
        "a pickle of one long line": (b"cposix", ["pickle 1"]),
        "nothing": (b"\0", ["unknown 0"]),
    }.values(),
)  # fmt: skip
def test_three_gigabytes_are_told_in_half_a_gigabyte_of_memory(head: bytes, said: list[str], tmp_path: Path) -> None:
    path = sparse(tmp_path / "model.onnx", head)
    done = subprocess.run([sys.executable, "-c", SPARSE, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[: len(said)] == said


def test_a_file_larger_than_memory_is_hashed(tmp_path: Path) -> None:
    path = sparse(tmp_path / "model.onnx", b"\0", 600_000_000)
    done = subprocess.run([sys.executable, "-c", SPARSE, str(path), "hash"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_model_kind_is_told_from_the_file_as_from_its_bytes(tmp_path: Path, forest: Any) -> None:
    (tmp_path / "m").write_bytes(forest[1])
    assert model_kind(tmp_path / "m") == "onnx"


def test_nothing_is_unpickled_but_in_the_reader_of_weights_which_knows_a_dozen_names() -> None:
    source = Path(gonogo.__file__).parent
    loads = re.compile(r"pickle\.loads?\(|Unpickler\(|joblib\.load|torch\.load|allow_pickle=True|cloudpickle")
    found = {path.relative_to(source).as_posix() for path in source.rglob("*.py") if loads.search(path.read_text(encoding="utf-8"))}
    assert found == {"model/weights.py"}
    readers = re.compile(r"\bread_weights\(")
    callers = {path.name for path in source.rglob("*.py") if readers.search(path.read_text(encoding="utf-8"))}
    assert callers == {"weights.py", "child.py"}  # and that one only in the isolated child
