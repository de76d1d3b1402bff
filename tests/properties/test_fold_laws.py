"""Whatever the times: no fold learns from what comes at or after its test, less the embargo; folds only grow, and test every row once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gonogo.candidate.folds import expanding_folds


@given(
    times=st.lists(st.integers(0, 500), min_size=0, max_size=120),
    folds=st.integers(2, 7),
    embargo=st.sampled_from([0.0, 1.0, 17.0]),
    held_back=st.sampled_from([0.0, 0.2]),
    groups=st.booleans(),
)
def test_folds_never_look_ahead(times: list[int], folds: int, embargo: float, held_back: float, groups: bool) -> None:
    at = np.asarray(times, dtype=np.float64)
    of = np.asarray([time % 5 for time in times]) if groups else None
    try:
        found = expanding_folds(at, folds, embargo=embargo, held_back=held_back, groups=of)
    except ValueError:
        return
    before = -1.0
    for fold in found:
        learnt = np.concatenate([fold.train, fold.validation])
        first = at[fold.test].min()
        assert at[learnt].max() < first
        assert at[learnt].max() <= first - embargo
        assert fold.train_end == at[learnt].max()
        assert fold.test_start == first > before
        before = fold.test_start
        if of is not None:
            assert not set(of[learnt]) & set(of[fold.test])
    tested = np.concatenate([fold.test for fold in found]) if found else np.array([])
    assert len(set(tested)) == len(tested)
    if len(times):
        assert set(tested) == set(np.flatnonzero(at >= found[0].test_start))
