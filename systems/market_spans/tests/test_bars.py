"""Real bars are whole, generated ones are too, and a broken one is named."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import drawn

from bars import SERIES, check, generated, real


@pytest.mark.parametrize("series", SERIES)
def test_the_real_bars_are_whole_and_cover_twenty_years(series):
    bars = real(series)
    assert len(bars) == 5031
    assert (str(bars.days[0]), str(bars.days[-1])) == ("1999-01-04", "2018-12-31")


def test_the_same_seed_gives_the_same_bars_and_another_one_others(made):
    again, other = generated(400, 5, np.datetime64("2010-12-31")), generated(400, 6, np.datetime64("2010-12-31"))
    assert np.array_equal(made.close, again.close)
    assert not np.array_equal(made.close, other.close)


def test_generated_bars_are_whole_and_end_in_time(made):
    check(made)
    assert made.days[-1] <= np.datetime64("2010-12-31")


def test_a_bar_whose_close_lies_outside_of_it_is_named():
    with pytest.raises(SystemExit, match="2001-01-02"):
        check(drawn((1, 2, 0.5, 1.5), (1, 2, 0.5, 2.5)))


def test_days_that_go_back_are_refused(made):
    with pytest.raises(SystemExit, match="not in order"):
        check(made[::-1])
