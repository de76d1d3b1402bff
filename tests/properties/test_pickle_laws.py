"""Laws of reading pickles: whatever a real unpickler would fetch from some bytes, we have named it, or said that we do not know.

The real one is Python's own, made harmless: what it fetches are names of an inert class.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gonogo.model.pickles import _Reader, _sequence, pickles_in

CALLED: list[bool] = []


class Inert:
    """Stands for everything that is fetched, and notes that it was called."""

    def __new__(cls, *said: Any) -> Inert:
        CALLED.append(True)
        return super().__new__(cls)

    def __init__(self, *said: Any) -> None: ...

    def __call__(self, *said: Any) -> Inert:
        return self

    def __setstate__(self, state: Any) -> None: ...


class Recorder(pickle._Unpickler):  # type: ignore[misc,name-defined]  # the one written in Python, which no bytes can break
    """Notes what is fetched and gives something inert."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.fetched: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        self.fetched.add(f"{module or '?'}.{name or '?'}")
        return Inert

    def get_extension(self, code: int) -> None:
        self.fetched.add(f"copyreg extension {code}")
        self.append(Inert)


def really_done(data: bytes) -> tuple[set[str], bool]:
    """What is fetched until the end, or until it breaks; and whether that mattered: it ended well, or called something."""
    recorder = Recorder(data)
    CALLED.clear()
    try:
        recorder.load()
    except Exception:  # whatever broken bytes do to it
        return recorder.fetched, bool(CALLED)
    return recorder.fetched, True


WORDS = ["os", "system", "builtins", "getattr", "collections", "OrderedDict", "a", ""]


def short(word: str) -> bytes:
    return b"\x8c" + bytes([len(word)]) + word.encode()


FRAGMENTS = st.one_of(
    st.sampled_from(WORDS).map(short),
    st.sampled_from(WORDS).map(lambda word: b"X" + len(word).to_bytes(4, "little") + word.encode()),
    st.sampled_from(WORDS).map(lambda word: f"S'{word}'\n".encode()),
    st.sampled_from(WORDS).map(lambda word: f"V{word}\n".encode()),
    st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS)).map(lambda pair: f"c{pair[0]}\n{pair[1]}\n".encode()),
    st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS)).map(lambda pair: f"i{pair[0]}\n{pair[1]}\n".encode()),
    st.integers(0, 3).map(lambda index: b"q" + bytes([index])),
    st.integers(0, 3).map(lambda index: b"h" + bytes([index])),
    st.integers(0, 3).map(lambda index: f"p{index}\n".encode()),
    st.integers(0, 3).map(lambda index: f"g{index}\n".encode()),
    st.sampled_from([b"\x93", b"R", b"(", b"0", b"1", b"2", b"t", b")", b"]", b"}", b"l", b"d", b"a", b"e", b"s", b"u", b"b", b"o", b"\x81",
                     b"\x85", b"\x86", b"\x87", b"\x94", b"N", b"K\x01", b"\x80\x04", b"I1\n", b"L1L\n", b"F1\n", b"\x88", b".",
                     b"\x92", b"\x8f", b"\x90", b"\x91", b"\x82\x01", b"C\x01x", b"\x8a\x01\x05", b"\x95" + bytes(8)]),
)  # fmt: skip


#: Whole calls, so that chance makes some.
CALLS = st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS), st.sampled_from([b")R", b"(K\x01tR", b")\x81", b"}b", b""])).map(
    lambda parts: short(parts[0]) + short(parts[1]) + b"\x93" + parts[2]
)


def named(data: bytes) -> tuple[set[str], bool]:
    """The names that we found, and whether we say that we do not know everything."""
    found = list(_sequence(_Reader(io.BytesIO(data), bounded=False), ""))
    return {name for one in found for name in one.names}, any(one.problem for one in found)


@settings(deadline=None, max_examples=800)
@given(st.lists(FRAGMENTS | CALLS, max_size=10).map(b"".join))
@example(short("system") + b"\x94" + b"0" + short("os") + b"h\x00\x93(K\x01tR")
@example(b"(cos\nsystem\nR")
@example(b"(K\x01ios\nsystem\n")
def test_what_a_pickle_fetches_has_been_named(data: bytes) -> None:
    fetched, mattered = really_done(data + b".")
    names, unknown = named(data + b".")
    if fetched and mattered:
        assert unknown or any("?" in name for name in names) or fetched <= names  # "?" is on no list of harmless names


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60) | st.builds(lambda data, cut: data[:cut], st.lists(FRAGMENTS, max_size=10).map(b"".join), st.integers(0, 60)))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    names, _ = named(data)
    assert all(isinstance(name, str) for name in names)


PLAIN = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@settings(deadline=None, max_examples=100)
@given(PLAIN, st.integers(0, 5))
def test_plain_data_is_a_pickle_that_fetches_nothing(tmp_path_factory: Any, value: Any, protocol: int) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "plain.bin"
    path.write_bytes(pickle.dumps(value, protocol))
    (found,) = pickles_in(path)
    assert found.unsafe == ()
