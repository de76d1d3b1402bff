"""How often a test table has judged: one sealed record per table, of the distinct bundles that were scored on it.

Choosing the best of many candidates by one test table makes its measured quality too good (Dwork et al., "The reusable holdout", Science
2015). So looks are counted; a budget warns, it does not block.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gonogo.base.clock import Clock, stamp
from gonogo.errors import DataError, StorageError
from gonogo.evidence.sealed import SealedFolder

FORMAT = "gonogo-test-uses/1"


class TableUses:
    """The records in one folder, by the digest of the table."""

    def __init__(self, folder: Path) -> None:
        self._files = SealedFolder(folder)

    def of(self, table: str) -> Mapping[str, str]:
        """Root digest of every bundle that the table has judged, with the time of its first use. Raises DataError for a changed record."""
        name = _name(table)
        try:
            found = self._files.read(name)
            if found is None:
                return {}
            if (found["format"], found["table"]) != (FORMAT, table):
                raise ValueError("it is of another table")
            return {str(bundle): str(time) for bundle, time in found["bundles"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, StorageError) as error:
            raise DataError(
                f"the record {name} of the test table's uses is not used: {error}.", hint="Restore it from a backup."
            ) from error

    def add(self, table: str, bundle: str, clock: Clock) -> None:
        """Count one bundle, once. Raises DataError and StorageError."""
        known = self.of(table)
        if bundle not in known:
            bundles = {**known, bundle: stamp(clock.now())}
            self._files.write(_name(table), {"format": FORMAT, "table": table, "bundles": bundles})


def _name(table: str) -> str:
    return f"{table.removeprefix('sha256:')}.json"
