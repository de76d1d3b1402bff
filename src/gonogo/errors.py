"""Everything that can go wrong, as one tree.

    GonogoError                      exit code 1 unless stated
    ├── UsageError                   2  wrong use or configuration; nothing was done
    │   ├── ProjectFileError         2  gonogo.yaml or a pack: file, line, column
    │   ├── ModelError               2  model missing, truncated or of the wrong kind
    │   ├── DataError                2  table missing, unreadable, without rows or without a column
    │   ├── KeyFileError             2  key missing, unreadable or of the wrong kind
    │   ├── NotFoundError            2  no such release, item, rollout, alarm
    │   ├── AddressInUseError        2  port or socket taken
    │   └── MissingExtraError        2  needs `pip install gonogo[x]`
    ├── RefusedError                 1  well asked, and the answer is no
    │   ├── NotApprovedError         1  no GO for this subject
    │   ├── VerificationError        1  a signature, digest or file does not match
    │   ├── ConflictError            1  somebody else changed it first, or holds it
    │   │   └── FencedError          1  a newer controller has taken over
    │   └── IsolationError           1  no isolation available for untrusted code
    └── FaultError                   1  the world failed: disk, process, network
        ├── StorageError             1  disk full, database locked or damaged
        ├── ChildError               1  an isolated child crashed, hung or ran out of memory
        └── UnreachableError         1  a service, supervisor or channel does not answer
            └── BusyError            1  it answers, and asks to be asked later

A message says what happened, to which thing; `hint` says what to do next.
"""

from __future__ import annotations


class GonogoError(Exception):
    """Root of the tree."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(GonogoError):
    exit_code = 2


class ProjectFileError(UsageError):
    """A YAML file of the user's does not say what it must. `line` and `column` count from 1; 0 means the whole file."""

    def __init__(self, file: str, message: str, *, line: int = 0, column: int = 0, hint: str = "") -> None:
        where = f"{file}:{line}:{column}" if line else file
        super().__init__(f"{where}: {message}", hint=hint)
        self.file = file
        self.line = line
        self.column = column


class ModelError(UsageError):
    pass


class DataError(UsageError):
    pass


class KeyFileError(UsageError):
    pass


class NotFoundError(UsageError):
    pass


class AddressInUseError(UsageError):
    pass


class MissingExtraError(UsageError):
    """A heavy library is not installed."""

    def __init__(self, thing: str, extra: str) -> None:
        super().__init__(f"{thing} needs a library that is not installed.", hint=f'Run: pip install "gonogo[{extra}]"')


class RefusedError(GonogoError):
    pass


class NotApprovedError(RefusedError):
    pass


class VerificationError(RefusedError):
    pass


class ConflictError(RefusedError):
    pass


class FencedError(ConflictError):
    pass


class IsolationError(RefusedError):
    pass


class FaultError(GonogoError):
    pass


class StorageError(FaultError):
    pass


class ChildError(FaultError):
    pass


class UnreachableError(FaultError):
    pass


class BusyError(UnreachableError):
    """`seconds`: how long it asks to be left alone."""

    def __init__(self, message: str, seconds: float, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.seconds = seconds
