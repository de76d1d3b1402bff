"""The prediction log: what was computed is in Parquet afterwards, whole, and nothing ever waits for it."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import stat
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from gonogo.base.clock import FakeClock
from gonogo.model.schema import FLOATS, INTEGERS, Feature, GraphInput, Schema, Tensor
from gonogo.service.answering.batching import Computed
from gonogo.service.labels.desk import LABELS
from gonogo.service.labels.store import LabelStore
from gonogo.service.places import listen_private
from gonogo.service.prediction_log.believed import BelievedClock
from gonogo.service.prediction_log.frames import prediction_frame, read_frames
from gonogo.service.prediction_log.process import LogProcess
from gonogo.service.prediction_log.segments import write_segments
from gonogo.service.prediction_log.sink import MOST_NUMBERS, MOST_ROWS, PredictionSink
from gonogo.service.prediction_log.spool import Spool, read_spool, spools
from gonogo.service.prediction_log.writer import WriterRules

RELEASE = "small@1.0.0"
SCHEMA = Schema(
    task="binary-classification",
    inputs=(GraphInput("x", "float32", 2), GraphInput("town", "string", 1)),
    features=(
        Feature("age", "float", True, "x", 0),
        Feature("sum", "float", False, "x", 1),
        Feature("town", "string", False, "town", 0),
    ),
    classes=("no", "yes"),
    score_output="p",
)  # fmt: skip


def computed(*rows: int, first: int = 0) -> Computed:
    """One call of the model with a request of as many rows for each number."""
    count = sum(rows)
    numbers = np.stack([np.arange(first, first + count), np.full(count, 0.5)], axis=1).astype(np.float32)
    towns = np.array([["Köln"]] * count, dtype=object)
    scores = np.stack([np.full(count, 0.25), np.full(count, 0.75)], axis=1)
    return Computed({"x": numbers, "town": towns}, scores, [f"id-{first}-{place}" for place in range(len(rows))], rows)


def read(folder: Path, sql: str) -> list[tuple]:
    with duckdb.connect() as connection:
        files = sorted(str(path) for path in folder.rglob("*.parquet"))
        return connection.execute(sql.replace("LOG", f"read_parquet({files!r})")).fetchall()


async def until(fact, seconds: float = 20.0) -> None:
    for _ in range(int(seconds / 0.02)):
        if fact():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came true")


def test_a_frame_gives_back_what_was_computed() -> None:
    frame = prediction_frame(SCHEMA, RELEASE, computed(1, 3), 12.5)
    [(document, end)] = read_frames(frame)
    assert end == len(frame)
    assert (document["release"], document["time"], document["rows"]) == (RELEASE, 12.5, [1, 3])


@pytest.mark.parametrize("spoil", ["cut", "flip", "length"])
def test_what_follows_damage_in_a_spool_is_no_frame(spoil: str) -> None:
    first, second = (prediction_frame(SCHEMA, RELEASE, computed(2, first=start), 1.0) for start in (0, 5))
    if spoil == "cut":
        second = second[:-1]
    elif spoil == "flip":
        second = second[:20] + bytes([second[20] ^ 1]) + second[21:]
    else:
        second = b"\xff\xff\xff\xff" + second[4:]
    assert [document["ids"] for document, _ in read_frames(first + second)] == [["id-0-0"]]


def test_a_segment_has_a_row_for_each_row_and_null_for_what_is_missing(tmp_path: Path) -> None:
    batch = computed(2, 1)
    batch.batch["x"][0, 0] = np.nan
    [(document, _)] = read_frames(prediction_frame(SCHEMA, RELEASE, batch, 1_700_000_000.25))
    assert write_segments([document], tmp_path, "one", {}, b"k") == {RELEASE: 3}
    rows = read(tmp_path, "SELECT prediction_id, row, release, feature_age, feature_town, score_yes, epoch_ms(time) FROM LOG ORDER BY ALL")
    assert rows == [
        ("id-0-0", 0, RELEASE, None, "Köln", 0.75, 1_700_000_000_250),
        ("id-0-0", 1, RELEASE, 1.0, "Köln", 0.75, 1_700_000_000_250),
        ("id-0-1", 0, RELEASE, 2.0, "Köln", 0.75, 1_700_000_000_250),
    ]
    [path] = tmp_path.rglob("*.parquet")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_dropped_feature_is_null_and_a_hashed_one_cannot_be_read(tmp_path: Path) -> None:
    [(document, _)] = read_frames(prediction_frame(SCHEMA, RELEASE, computed(2), 1.0))
    write_segments([document], tmp_path, "one", {"age": "drop", "town": "hash"}, b"secret")
    rows = read(tmp_path, "SELECT feature_age, feature_town FROM LOG")
    assert {age for age, _ in rows} == {None}
    assert len({town for _, town in rows}) == 1
    [path] = tmp_path.rglob("*.parquet")
    assert "Köln".encode() not in path.read_bytes()
    write_segments([document], tmp_path / "other", "one", {"town": "hash"}, b"another secret")
    assert read(tmp_path / "other", "SELECT feature_town FROM LOG")[0] != (rows[0][1],)


def windows(count: int, *, holes: bool = False) -> tuple[Schema, Computed]:
    """A schema with a tensor beside a number, and one call for it."""
    features = (Feature("window", "float", holes, "w", 0, Tensor((3, 2))), Feature("age", "float", False, "x", 0))
    inputs = (GraphInput("w", "float32", 6, (3, 2)), GraphInput("x", "float32", 1))
    values = np.arange(6 * count, dtype=np.float32).reshape(count, 6)
    if holes:
        values[0, 4] = np.nan
    batch = {"w": values, "x": np.ones((count, 1), np.float32)}
    return Schema("binary-classification", inputs, features, ("no", "yes"), "p"), Computed(batch, np.full((count, 2), 0.5), ["a"], [count])


@pytest.mark.parametrize("holes", [False, True])
def test_a_tensor_is_one_list_a_row_with_null_for_what_is_missing(tmp_path: Path, holes: bool) -> None:
    schema, call = windows(3, holes=holes)
    [(frame, _)] = read_frames(prediction_frame(schema, RELEASE, call, 1.0))
    assert write_segments([frame], tmp_path, "t", {}, b"secret") == {RELEASE: 3}
    assert read(tmp_path, "SELECT feature_window, feature_age FROM LOG ORDER BY row") == [
        ([0.0, 1.0, 2.0, 3.0, None if holes else 4.0, 5.0], 1.0),
        ([6.0, 7.0, 8.0, 9.0, 10.0, 11.0], 1.0),
        ([12.0, 13.0, 14.0, 15.0, 16.0, 17.0], 1.0),
    ]


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
def test_an_image_of_any_type_is_one_list_a_row(tmp_path: Path, dtype: str) -> None:
    image = Feature("image", "float" if dtype in FLOATS else "int", False, "x", 0, Tensor((2, 2)))
    schema = Schema("binary-classification", (GraphInput("x", dtype, 4, (2, 2)), GraphInput("k", dtype, 1)),
                    (image, Feature("single", image.type, False, "k", 0)), ("no", "yes"), "p")  # fmt: skip
    batch = {"x": np.array([[0, 1, 2, 127]], dtype=dtype), "k": np.array([[100]], dtype=dtype)}
    [(frame, _)] = read_frames(prediction_frame(schema, RELEASE, Computed(batch, np.full((1, 2), 0.5), ["a"], [1]), 1.0))
    write_segments([frame], tmp_path, "t", {}, b"secret")
    assert read(tmp_path, "SELECT feature_image, feature_single FROM LOG") == [([0, 1, 2, 127], 100)]


def spans(rows: int, **also: np.ndarray) -> Computed:
    return Computed({"x": np.ones((rows, 1), np.float32)}, np.full((rows, 2), 0.5), ["a"], [rows], also)


SPANS = Schema(
    "binary-classification",
    (GraphInput("x", "float32", 1),),
    (Feature("x", "float", False, "x", 0),),
    ("no", "yes"),
    "p",
    also=("at", "sums"),
)


def test_what_is_answered_beside_the_scores_is_kept_with_them(tmp_path: Path) -> None:
    call = spans(2, at=np.array([3, 104]), sums=np.array([[[0.5, 1.5]], [[2.5, 3.5]]]))
    [(frame, _)] = read_frames(prediction_frame(SPANS, RELEASE, call, 1.0))
    write_segments([frame], tmp_path, "t", {}, b"secret")
    assert read(tmp_path, "SELECT also_at, also_sums FROM LOG ORDER BY row") == [([3], [0.5, 1.5]), ([104], [2.5, 3.5])]
    write_segments([frame], tmp_path / "redacted", "t", {"at": "drop", "sums": "hash"}, b"secret")
    [(at, one), (_, other)] = read(tmp_path / "redacted", "SELECT also_at, also_sums FROM LOG ORDER BY row")
    assert (at, len(one), one == other) == (None, 32, False)


def test_frames_of_before_and_outputs_of_another_length_cost_no_row(tmp_path: Path) -> None:
    frames = [next(read_frames(prediction_frame(SPANS, RELEASE, spans(1, at=np.ones((1, size))), 1.0)))[0] for size in (1, 3, 2)]
    del frames[0]["also"]
    write_segments(frames, tmp_path, "t", {}, b"secret")
    assert read(tmp_path, "SELECT also_at FROM LOG") == [([None, None],), ([None, None],), ([1.0, 1.0],)]


def test_a_large_output_beside_the_scores_is_not_kept_and_its_rows_are(tmp_path: Path) -> None:
    sink = PredictionSink(str(tmp_path / "nobody"), SPANS, RELEASE, 1.0)
    sink.see(spans(2, at=np.zeros((2, 1024)), sums=np.zeros((2, 5, 205))))
    [(_, taken)] = sink._taken
    assert (len(taken.scores), list(taken.also)) == (2, ["at"])


@pytest.mark.parametrize("how", ["drop", "hash"])
def test_a_redacted_tensor_cannot_be_read(tmp_path: Path, how: str) -> None:
    schema, call = windows(2)
    [(frame, _)] = read_frames(prediction_frame(schema, RELEASE, call, 1.0))
    write_segments([frame], tmp_path, "t", {"window": how}, b"secret")
    kept = [value for (value,) in read(tmp_path, "SELECT feature_window FROM LOG ORDER BY row")]
    assert kept == [None, None] if how == "drop" else (len(set(kept)), {len(one) for one in kept}) == (2, {32})


def test_a_sink_holds_fewer_rows_where_they_are_tensors(tmp_path: Path) -> None:
    wide = Schema(
        "binary-classification",
        (GraphInput("w", "float32", 1 << 20, (1024, 1024)),),
        (Feature("w", "float", False, "w", 0, Tensor((1024, 1024))),),
        ("no", "yes"),
        "p",
    )
    sink = PredictionSink(str(tmp_path / "nobody.sock"), wide, RELEASE, 1.0)
    for _ in range(20):
        sink.see(Computed({"w": np.zeros((1, 1 << 20), np.float32)}, np.zeros((1, 2)), ["a"], [1]))
    assert sink.dropped == 20 - MOST_NUMBERS // (1 << 20)
    sink.close()


def test_a_sink_without_a_writer_drops_and_counts_and_never_waits(tmp_path: Path) -> None:
    sink = PredictionSink(str(tmp_path / "nobody.sock"), SCHEMA, RELEASE, 1.0)
    for start in range(0, 2 * MOST_ROWS, 1000):
        sink.see(computed(1000, first=start))
    assert sink.dropped == MOST_ROWS
    assert not sink.settle(4096)
    sink.close()
    assert (sink.logged, sink.dropped) == (0, 2 * MOST_ROWS)


def test_a_writer_that_reads_nothing_costs_rows_and_no_time(tmp_path: Path) -> None:
    with listen_private(tmp_path / "log.sock"):
        sink = PredictionSink(str(tmp_path / "log.sock"), SCHEMA, RELEASE, 1.0)
        for start in range(0, 3 * MOST_ROWS, 1000):
            sink.see(computed(1000, first=start))
            sink.settle(4096)
        sink.close()
    assert sink.dropped + sink.logged == 3 * MOST_ROWS
    assert sink.dropped > 0


def test_a_sample_takes_whole_requests(tmp_path: Path) -> None:
    sink = PredictionSink(str(tmp_path / "nobody.sock"), SCHEMA, RELEASE, 0.5)
    kept = sink._choose(computed(*([3] * 1000)))
    assert kept is not None
    assert 300 < len(kept.ids) < 700
    assert set(kept.rows) == {3}
    assert len(kept.scores) == len(kept.batch["x"]) == 3 * len(kept.ids)


def test_a_spool_on_a_full_disk_keeps_what_it_had(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    frame = prediction_frame(SCHEMA, RELEASE, computed(2), 1.0)
    spool.append(frame)
    spool.flush()
    os.write(spool._handle, frame[:10])  # what a write that failed half-way would leave
    os.ftruncate(spool._handle, spool.bytes)
    spool.append(frame)
    spool.close()
    assert len(list(read_spool(spool.path))) == 2


def run_log(folder: Path, body, **rules) -> dict:
    """Run `body(log, sink)` beside a real writer process; what the writer said last."""

    async def main() -> dict:
        log = LogProcess(folder, folder / "log.sock", WriterRules(**rules))
        log.start()
        sink = PredictionSink(str(folder / "log.sock"), SCHEMA, RELEASE, 1.0)
        try:
            await body(log, sink)
        finally:
            sink.close()
            await log.stop()
        return log.status

    return asyncio.run(main())


async def settle(sink: PredictionSink) -> None:
    await until(lambda: not sink.settle(4096) and not sink.waiting)


def test_everything_that_was_sent_is_in_a_segment_after_the_end(tmp_path: Path) -> None:
    async def body(log: LogProcess, sink: PredictionSink) -> None:
        for start in range(0, 5000, 50):
            sink.see(computed(*([1] * 50), first=start))
        sink.expose("k1", 7, RELEASE)
        await settle(sink)
        assert (sink.logged, sink.dropped) == (5000, 0)

    status = run_log(tmp_path, body)
    assert (status["rows"], status["dropped"], status["problem"]) == (5001, 0, "")
    assert read(tmp_path / "predictions", "SELECT count(*), count(DISTINCT feature_age) FROM LOG") == [(5000, 5000)]
    assert read(tmp_path / "exposures", "SELECT key_digest, epoch, release FROM LOG") == [("k1", 7, RELEASE)]
    assert not spools(tmp_path / "spool")


def test_what_a_worker_sent_before_it_went_is_logged_though_it_hears_no_acknowledgement(tmp_path: Path) -> None:
    long = prediction_frame(SCHEMA, RELEASE, computed(*([1] * 20_000)), 1.0)
    short = prediction_frame(SCHEMA, RELEASE, computed(1), 1.0)

    def send() -> None:
        for number in range(30):  # the next one comes, and the worker goes, at some moment while the long one is taken
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as worker:
                worker.connect(str(tmp_path / "log.sock"))
                worker.sendall(long)
                time.sleep(0.0003 * number)
                worker.sendall(short)

    async def body(log: LogProcess, sink: PredictionSink) -> None:
        await asyncio.to_thread(send)

    status = run_log(tmp_path, body)
    assert (status["rows"], status["dropped"], status["problem"]) == (30 * 20_001, 0, "")


def test_a_damaged_label_store_costs_no_prediction_and_what_was_predicted_is_recorded_when_it_is_moved_away(tmp_path: Path) -> None:
    async def predict(log: LogProcess, sink: PredictionSink) -> None:
        sink.see(computed(*([1] * 100)))
        await settle(sink)
        assert (sink.logged, sink.dropped) == (100, 0)

    async def nothing(log: LogProcess, sink: PredictionSink) -> None:
        await until(lambda: log.status["rows"] == 100)

    (tmp_path / LABELS).write_bytes(os.urandom(100_000))
    status = run_log(tmp_path, predict)
    assert "file is not a database" in status["problem"]
    assert read(tmp_path / "predictions", "SELECT count(*) FROM LOG") == [(100,)]
    (tmp_path / LABELS).unlink()
    assert run_log(tmp_path, nothing)["problem"] == ""
    with closing(LabelStore(tmp_path / LABELS)) as store:
        assert store.releases() == [RELEASE]
    assert read(tmp_path / "predictions", "SELECT count(*) FROM LOG") == [(100,)]


def test_a_killed_writer_is_replaced_and_what_it_had_spooled_is_written(tmp_path: Path) -> None:
    async def body(log: LogProcess, sink: PredictionSink) -> None:
        sink.see(computed(*([1] * 100)))
        await settle(sink)
        await until(lambda: bool(spools(tmp_path / "spool")))
        await until(lambda: sum(path.stat().st_size for path in spools(tmp_path / "spool")) > 0)
        assert log._process is not None
        first = log._process.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: log._process is not None and log._process.pid != first)
        sink.see(computed(*([1] * 100), first=1000))
        await until(lambda: not sink.settle(4096) and sink.logged + sink.dropped == 200)

    run_log(tmp_path, body)
    [(rows, first)] = read(tmp_path / "predictions", "SELECT count(*), min(feature_age) FROM LOG")
    assert rows >= 100
    assert first == 0.0


def test_what_a_killed_writer_had_not_read_is_counted(tmp_path: Path) -> None:
    """Every row is in a segment or among the dropped, whatever stood in the writer's socket when it was killed."""
    counts = {}

    async def body(log: LogProcess, sink: PredictionSink) -> None:
        sink.see(computed(*([1] * 100)))
        await settle(sink)
        await until(lambda: not sink.settle(1) and sink.logged == 100)
        assert log._process is not None
        first = log._process.pid
        os.kill(first, signal.SIGSTOP)
        for start in range(1000, 2000, 100):
            sink.see(computed(*([1] * 100), first=start))
            sink.settle(4096)
        os.kill(first, signal.SIGKILL)
        await until(lambda: log._process is not None and log._process.pid != first)
        await until(lambda: not sink.settle(4096) and sink.logged + sink.dropped == 1100)
        sink.see(computed(*([1] * 50), first=5000))
        await until(lambda: not sink.settle(4096) and sink.logged + sink.dropped == 1150)
        counts.update(sink.counts())

    run_log(tmp_path, body)
    [(rows,)] = read(tmp_path / "predictions", "SELECT count(*) FROM LOG")
    assert counts["dropped"] >= 1000 - 100
    assert rows == counts["logged"]


def test_a_clock_that_jumps_forward_removes_nothing_before_it_has_said_so_for_a_day() -> None:
    clock = FakeClock()
    believed = BelievedClock(clock, None)
    clock.set(clock.now() + timedelta(days=40))
    assert believed.now() == clock.now() - timedelta(days=40)
    clock.advance(86_000.0)
    assert (clock.now() - believed.now()).days == 40, "time goes on as the steady clock has it"
    clock.advance(500.0)
    assert believed.now() == clock.now()


def test_a_clock_that_is_set_right_again_within_the_day_was_never_believed() -> None:
    clock = FakeClock()
    believed = BelievedClock(clock, None)
    right = clock.now() + timedelta(hours=2)
    clock.advance(7200.0)
    clock.set(right + timedelta(days=40))
    assert believed.now() == right
    clock.set(right)
    assert believed.now() == right
    clock.advance(90_000.0)
    assert believed.now() == clock.now()


def test_a_log_whose_last_segment_is_old_is_not_removed_at_the_start_but_after_a_day() -> None:
    clock = FakeClock()
    believed = BelievedClock(clock, clock.now() - timedelta(days=31))
    assert (clock.now() - believed.now()).days == 31
    clock.advance(86_400.0)
    assert believed.now() == clock.now()
    assert BelievedClock(clock, clock.now() + timedelta(days=9)).now() == clock.now(), "a file from the future proves nothing"


def test_segments_come_while_the_service_runs(tmp_path: Path) -> None:
    async def body(log: LogProcess, sink: PredictionSink) -> None:
        sink.see(computed(1, 1))
        await settle(sink)
        await until(lambda: any((tmp_path / "predictions").rglob("*.parquet")))

    run_log(tmp_path, body, rotate_seconds=0.1)
    assert read(tmp_path / "predictions", "SELECT count(*) FROM LOG") == [(2,)]


def test_a_folder_that_cannot_be_written_is_said_and_counted(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("in the way")

    async def body(log: LogProcess, sink: PredictionSink) -> None:
        sink.see(computed(1, 1))
        await settle(sink)
        await until(lambda: log.status["dropped"] == 2)

    assert "spool" in run_log(tmp_path, body)["problem"]


def test_a_full_disk_costs_the_rows_that_came_then_and_no_others(tmp_path: Path) -> None:
    async def body(log: LogProcess, sink: PredictionSink) -> None:
        sink.see(computed(*([1] * 10)))
        await settle(sink)
        await until(lambda: sum(path.stat().st_size for path in spools(tmp_path / "spool")) > 0)
        assert log._process is not None
        pid = log._process.pid
        full = sum(path.stat().st_size for path in spools(tmp_path / "spool")) + 10
        soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
        sink.see(computed(*([1] * 10), first=100))
        await settle(sink)
        await until(lambda: log.status["dropped"] == 10)
        assert "spool" in log.status["problem"]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
        sink.see(computed(*([1] * 10), first=200))
        await settle(sink)

    status = run_log(tmp_path, body)
    assert (status["rows"], status["dropped"], status["problem"]) == (20, 10, "")
    rows = read(tmp_path / "predictions", "SELECT feature_age FROM LOG ORDER BY 1")
    assert [age for (age,) in rows] == [float(age) for age in (*range(10), *range(200, 210))]


def test_what_cannot_be_written_down_is_counted_and_the_next_is_logged(tmp_path: Path) -> None:
    broken = computed(1)
    broken.batch["town"][0, 0] = "\ud800"  # half of a surrogate pair has no UTF-8

    async def body(log: LogProcess, sink: PredictionSink) -> None:
        sink.see(broken)
        sink.see(computed(2, first=10))
        with pytest.raises(UnicodeEncodeError):
            sink.settle(4096)
        await settle(sink)
        assert (sink.logged, sink.dropped) == (2, 1)

    assert run_log(tmp_path, body)["rows"] == 2
