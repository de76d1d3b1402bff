"""The signals over what a real supervisor with real workers says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gonogo.base import catalogue
from gonogo.base.clock import FakeClock
from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.channels.memory import MemoryChannel
from gonogo.monitor.watch import Watch
from gonogo.registry.stores.sqlite import SqliteStore
from gonogo.release.verify import verify
from gonogo.trust.keys import PublicKey
from supervised import Traffic, folder_of, serving

pytestmark = pytest.mark.xdist_group("two-releases")


@pytest.fixture
def service(tmp_path: Path, sealed: Path) -> Iterator[Any]:
    with serving(tmp_path / "store", sealed) as running:
        yield running


def test_every_signal_has_a_value_and_requests_unlike_the_training_rows_are_drift(service: Any, tmp_path: Path) -> None:
    """The clients of this test send one and the same row for ever: the clearest drift there is."""
    service.settle(None)
    key = PublicKey.load(service.store / "keys" / "store.pub")
    clock, channel, store = FakeClock(), MemoryChannel(), SqliteStore(tmp_path / "gonogo.db")
    watch = Watch(
        service.client.observe,
        lambda release: verify(folder_of(service.store, release), key).bundle.baseline,
        [Rule("drift", "psi", above=0.2, clear=0.1, for_seconds=1.0, min_n=100), Rule("errors", "error_rate", above=0.05, clear=0.03)],
        {"memory": channel},
        store,
        system="small",
        signals=[catalogue.load("signals", name)() for name in catalogue.names("signals")],
        clock=clock,
    )

    async def ask() -> None:
        async with Traffic(service.port, 4) as traffic:
            await traffic.answered(150)
        assert not traffic.failures

    watch.tick()
    for _ in range(4):
        asyncio.run(ask())
        clock.advance(2)
        record = watch.tick()
    assert record["problem"] == ""
    unknown = {signal["signal"] for signal in record["signals"] if signal["judged"] and signal["value"] is None}
    assert unknown == {"latency_drift", "model_age", "volume_drop", "volume_spike"}, record["signals"]  # they compare with what is not here
    known = {signal["signal"]: signal["value"] for signal in record["signals"]}
    assert {name: known[name] for name in ("health", "unreachable", "error_rate", "client_error_share", "failures_in_a_row")} == {
        "health": 0, "unreachable": 0, "error_rate": 0, "client_error_share": 0, "failures_in_a_row": 0,
    }  # fmt: skip
    assert {alarm["rule"] for alarm in record["alarms"] if alarm["state"] == "FIRING"} == {"drift"}
    assert {notice.rule for notice in channel.told} == {"drift"}
    assert [alarm["state"] for alarm in record["alarms"] if alarm["rule"] == "errors"] == ["OK"]
    store.close()
