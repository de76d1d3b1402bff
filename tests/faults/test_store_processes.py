"""Several processes and several stores of one file: everybody sees what anybody wrote."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gonogo.registry.stores.sqlite import SqliteStore

WRITE = """
import sys
from pathlib import Path
from gonogo.registry.stores.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
with store.transaction() as tx:
    tx.append("noted", {"by": sys.argv[2]}, "somebody")
store.close()
"""


def test_a_process_with_two_stores_of_one_file_sees_what_others_write_after_they_have_left(tmp_path: Path) -> None:
    path = tmp_path / "gonogo.db"
    first = SqliteStore(path)
    for number in range(3):
        SqliteStore(path)  # opened again, as every verb in a long-lived service does
        subprocess.run([sys.executable, "-c", WRITE, str(path), str(number)], check=True)
        assert [event.body["by"] for event in first.events()] == [str(n) for n in range(number + 1)]
        assert len(list(SqliteStore(path).events())) == number + 1
