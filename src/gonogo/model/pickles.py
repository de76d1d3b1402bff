"""What a pickle would do, read from its opcodes without doing any of it.

A pickle is a program; loading it runs it. Nothing is loaded here: the opcodes are walked with a stack that holds only text, so that the
name of every function the program would fetch is known, and each name is compared with a list of harmless ones. What is not on the list
is unsafe, and so is every pickle that cannot be followed to its end. There is no list of dangerous names: such lists are never complete
(research: five of six hostile pickles passed two well-known scanners).

    found = pickles_in(Path("model.bin"))
    [part.unsafe for part in found]      # () when there is no pickle in the file

Files are read in pieces: long values are skipped, never held. Opcodes: `pickletools` of the Python standard library.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickletools
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

MOST_STEPS = 2_000_000  #: opcodes that are followed in one file
MOST_UNPACKED = 1 << 30  #: bytes of one compressed part that are looked at
MOST_PARTS = 4096  #: members of an archive that are looked at
MOST_PICKLES = 64  #: pickles after each other in one file
LONGEST_NAME = 256
LONGEST_LINE = 1 << 20
PERSISTENT = "a persistent id"
HEAD = 16

#: What a harmless pickle may fetch: constructors of plain data.
HARMLESS = frozenset(
    {
        "builtins.set", "builtins.frozenset", "builtins.bytearray", "builtins.complex", "builtins.range", "builtins.slice",
        "collections.OrderedDict", "collections.deque", "datetime.date", "datetime.datetime", "datetime.time", "datetime.timedelta",
        "decimal.Decimal", "numpy.ndarray", "numpy.dtype", "numpy.core.multiarray._reconstruct", "numpy.core.multiarray.scalar",
        "numpy._core.multiarray._reconstruct", "numpy._core.multiarray.scalar", "_codecs.encode", "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_parameter", "torch.Size", "torch.device",
        *(f"torch.{kind}Storage" for kind in ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")),
    }
)  # fmt: skip

_OPCODES = {ord(opcode.code): opcode for opcode in pickletools.opcodes}
_CALLS = frozenset({"REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD"})
_TEXTS = frozenset({"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"})
_LENGTHS = {pickletools.TAKEN_FROM_ARGUMENT1: 1, pickletools.TAKEN_FROM_ARGUMENT4: 4, pickletools.TAKEN_FROM_ARGUMENT4U: 4, -5: 8}
_MARK, _OTHER = "mark", "other"
_Entry = tuple[str, str]  # (what it is, the text)


@dataclass(frozen=True)
class Pickle:
    """One pickle that was found. `part` is "" for the file itself, else the member of the archive; `problem` is why it has no known end."""

    part: str
    names: tuple[str, ...]
    problem: str = ""

    @property
    def unsafe(self) -> tuple[str, ...]:
        """What it would fetch that is not known to be harmless, and what keeps us from knowing."""
        # In a PyTorch archive a persistent id names a member of the archive that holds a tensor's values.
        known = HARMLESS | ({PERSISTENT} if self.part.endswith("data.pkl") else frozenset())
        return tuple(name for name in self.names if name not in known) + ((self.problem,) if self.problem else ())


def pickles_in(path: Path) -> tuple[Pickle, ...]:
    """Every pickle in a file: the file itself, after decompression, in the members of an archive, in arrays of objects.

    A file may be an archive and something else at once, so each is tried. Raises OSError when the file cannot be read.
    """
    with open(path, "rb") as file:
        found = list(_stream(file, ""))
        file.seek(0)
        if zipfile.is_zipfile(file):
            found += _archive(file)
    return tuple(found)


def is_pickle(path: Path) -> bool:
    """Whether the file itself, or what comes out when it is decompressed, is a pickle. Raises OSError."""
    with open(path, "rb") as file:
        return any(True for _ in _stream(file, ""))


def _archive(file: BinaryIO) -> Iterator[Pickle]:
    try:
        with zipfile.ZipFile(file) as archive:
            for number, member in enumerate(archive.infolist()):
                if number == MOST_PARTS:
                    yield Pickle("", (), f"an archive of more than {MOST_PARTS} members")
                    return
                if member.is_dir():
                    continue
                with archive.open(member) as part:
                    head = part.read(4)
                if head == b"PK\x03\x04":
                    yield Pickle(member.filename, (), "an archive in an archive, which was not looked into")
                with archive.open(member) as part:
                    yield from _stream(cast(BinaryIO, part), member.filename)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        yield Pickle("", (), f"an archive that cannot be read: {error}")


def _stream(file: BinaryIO, part: str) -> Iterator[Pickle]:
    """Pickles in one stream of bytes that can be read from its start."""
    head = file.read(HEAD)
    file.seek(0)
    if not head.startswith(b"PK\x03\x04"):  # as a pickle it begins with a persistent id, which no plain reader accepts
        yield from _sequence(_Reader(file, bounded=bool(part)), part)
    file.seek(0)
    if head.startswith(b"\x93NUMPY"):
        yield from _objects(file, part)
    elif head.startswith((b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd")):
        yield Pickle(part, (), "compressed in a way that was not looked into")
    else:
        unpacked = _unpacked(file, head)
        if unpacked is not None:
            yield from _sequence(_Reader(unpacked, bounded=True), part)


def _objects(file: BinaryIO, part: str) -> Iterator[Pickle]:
    """A .npy file holds a pickle when its values are objects."""
    file.seek(6)
    version = file.read(2)
    size = int.from_bytes(file.read(2 if version[:1] == b"\x01" else 4), "little")
    header = file.read(min(size, 1 << 16))
    if b"O" in header.split(b"'fortran_order'")[0].partition(b"'descr'")[2]:
        found = list(_sequence(_Reader(file, bounded=bool(part)), part))
        yield from found or [Pickle(part, (), "an array of objects that cannot be read")]


def _unpacked(file: BinaryIO, head: bytes) -> BinaryIO | None:
    """The decompressed stream, for the five ways in which joblib compresses; None when it is not compressed."""
    if head.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    if head.startswith(b"BZh"):
        return cast(BinaryIO, bz2.BZ2File(file))
    if head.startswith((b"\xfd7zXZ\x00", b"\x5d\x00\x00")):
        return cast(BinaryIO, lzma.LZMAFile(file))
    if len(head) > 1 and head[0] & 15 == 8 and int.from_bytes(head[:2], "big") % 31 == 0:
        return cast(BinaryIO, io.BufferedReader(_Zlib(file)))
    return None


class _Zlib(io.RawIOBase):
    """A zlib stream as a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._inflate = file, zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        while not self._inflate.eof:
            data = self._inflate.unconsumed_tail or self._file.read(1 << 16)
            if not data:
                return 0
            out = self._inflate.decompress(data, len(view))
            if out:
                view[: len(out)] = out
                return len(out)
        return 0


class _End(Exception):
    """The bytes end, or are no opcode, or an opcode needs what is not there: a real unpickler stops here, too."""


class _Reader:
    """Reads forward in pieces. `bounded`: what comes out of a compressed part, of which only so much is looked at.

    `exhausted`: whether reading stopped at a bound and not at the end.
    """

    def __init__(self, file: BinaryIO, *, bounded: bool) -> None:
        self._file, self._bounded, self._left = file, bounded, MOST_UNPACKED if bounded else 1 << 62
        self._ahead = b""
        self.exhausted = False

    def read(self, size: int) -> bytes:
        data = self._ahead[:size]
        self._ahead = self._ahead[size:]
        data += self._more(size - len(data), self._file.read)
        if len(data) < size:
            raise _End("it ends in the middle")
        return data

    def line(self) -> bytes:
        """Up to the end of the line, without it."""
        line = self._ahead
        self._ahead = b""
        if line != b"\n":
            line += self._more(LONGEST_LINE, self._file.readline)
        if not line.endswith(b"\n"):
            self.exhausted = self.exhausted or len(line) >= LONGEST_LINE
            raise _End("it ends in the middle of a line, or the line is very long")
        return line[:-1]

    def skip(self, size: int) -> None:
        if size > 1 << 60:
            raise _End("it ends in the middle")
        if size > HEAD and not self._bounded:  # a plain file: no need to read what is passed over
            self._file.seek(size - 1 - len(self._ahead), os.SEEK_CUR)
            self._ahead = b""
            size = 1
        while size > 0:
            size -= len(self.read(min(size, 1 << 20)))

    def at_end(self) -> bool:
        if not self._ahead:
            self._ahead = self._more(1, self._file.read)
        return not self._ahead

    def _more(self, size: int, take: Callable[[int], bytes]) -> bytes:
        self.exhausted = self.exhausted or size > self._left
        try:
            data = take(min(size, self._left))
        except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
            raise _End(f"it cannot be read on: {error}") from error
        self._left -= len(data)
        return data


def _sequence(reader: _Reader, part: str) -> Iterator[Pickle]:
    """The pickles that stand one after another from here on; older PyTorch files are four of them."""
    steps = MOST_STEPS
    for _ in range(MOST_PICKLES):
        walk = _Walk(reader, steps)
        if walk.follow():
            yield Pickle(part, tuple(sorted(walk.names)), walk.problem)
        if walk.problem:
            return
        steps = walk.steps
    yield Pickle(part, (), f"more than {MOST_PICKLES} pickles in one file")


class _Walk:
    """Follows one pickle. `names` is what it would fetch; `problem` is why its end is not known."""

    def __init__(self, reader: _Reader, steps: int) -> None:
        self._reader, self.steps = reader, steps
        self._stack: list[_Entry] = []
        self._memo: dict[int, _Entry] = {}
        self._declared = self._called = False
        self.names: set[str] = set()
        self.problem = ""

    def follow(self) -> bool:
        """Whether this is a pickle: it says so, or it does something, or it is nothing but data and ends where the bytes end."""
        first = True
        try:
            while (opcode := _OPCODES.get(self._reader.read(1)[0])) is not None:
                if opcode.name == "STOP":
                    self._pop(1)
                    return self._declared or bool(self.names) or self._reader.at_end()
                self.steps -= 1
                if self.steps < 0:
                    raise _End(f"more than {MOST_STEPS:,} steps")
                number = self._step(opcode)
                self._declared = self._declared or (first and opcode.name == "PROTO" and 2 <= number <= 5)
                first = False
            raise _End("an opcode that does not exist")
        except _End as end:
            self.problem = f"it cannot be followed to its end: {end}"
            return self._called or self._declared or self._reader.exhausted or self.steps < 0

    def _step(self, opcode: pickletools.OpcodeInfo) -> int:
        """Do to the stack what one opcode does. Returns its argument when that is a number, else 0."""
        name = opcode.name
        number, text = self._argument(opcode)
        if name in ("GLOBAL", "INST"):
            self._name(text, self._text(self._reader.line(), "utf-8"))
        elif name in ("EXT1", "EXT2", "EXT4"):
            self.names.add(f"copyreg extension {number}")
        elif name in ("PERSID", "BINPERSID"):
            self.names.add(PERSISTENT)
        if name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self._memo[len(self._memo) if name == "MEMOIZE" else number] = self._top()
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            if number not in self._memo:
                raise _End("it fetches what was never put away")
            self._stack.append(self._memo[number])
        elif name == "DUP":
            self._stack.append(self._top())
        elif name == "STACK_GLOBAL":
            module, attribute = self._pop(2)
            self._name(module[1], attribute[1])
            self._stack.append((_OTHER, ""))
        elif name == "MARK":
            self._stack.append((_MARK, ""))
        elif name == "POP" and self._stack and self._stack[-1][0] == _MARK:
            self._stack.pop()
        else:
            self._effect(opcode)
            self._stack += [("text", text)] if name in _TEXTS else [(_OTHER, "")] * len(opcode.stack_after)
        self._called = self._called or name in _CALLS
        return number

    def _effect(self, opcode: pickletools.OpcodeInfo) -> None:
        """Take from the stack what the opcode takes."""
        before = list(opcode.stack_before)
        if pickletools.markobject in before:
            while self._stack and self._stack[-1][0] != _MARK:
                self._stack.pop()
            if not self._stack:
                raise _End("a mark is missing")
            self._stack.pop()
            before = before[: before.index(pickletools.markobject)]
        self._pop(len(before))

    def _pop(self, count: int) -> list[_Entry]:
        taken = self._stack[len(self._stack) - count :] if count else []
        if len(taken) < count or any(kind == _MARK for kind, _ in taken):
            raise _End("its stack is empty")
        del self._stack[len(self._stack) - count :]
        return taken

    def _top(self) -> _Entry:
        if not self._stack or self._stack[-1][0] == _MARK:
            raise _End("its stack is empty")
        return self._stack[-1]

    def _argument(self, opcode: pickletools.OpcodeInfo) -> tuple[int, str]:
        """The argument as a number and as text; what is neither is skipped."""
        argument = opcode.arg
        if argument is None:
            return 0, ""
        if argument.n == pickletools.UP_TO_NEWLINE:
            line = self._reader.line()
            if opcode.name in ("GET", "PUT"):
                try:
                    return int(line), ""
                except ValueError:
                    raise _End("a number is none") from None
            return 0, self._text(line, {"STRING": "quoted", "UNICODE": "raw-unicode-escape"}.get(opcode.name, "utf-8"))
        if argument.n >= 0:
            return int.from_bytes(self._reader.read(argument.n), "little"), ""
        size = int.from_bytes(self._reader.read(_LENGTHS[argument.n]), "little")
        if opcode.name not in _TEXTS or size > LONGEST_NAME:
            self._reader.skip(size)
            return 0, ""
        return 0, self._text(self._reader.read(size), "utf-8")

    @staticmethod
    def _text(data: bytes, encoding: str) -> str:
        """Text that may be a name; "" for what is none, which is on no list."""
        try:
            if encoding == "quoted":
                return "" if b"\\" in data else data.strip()[1:-1].decode("ascii")
            return data.decode(encoding) if len(data) <= LONGEST_NAME else ""
        except ValueError:
            return ""

    def _name(self, module: str, attribute: str) -> None:
        self.names.add(f"{module or '?'}.{attribute or '?'}"[: 2 * LONGEST_NAME])
