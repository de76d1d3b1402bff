"""Small networks and few bars, on one thread."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bars import Bars, generated
from networks import Shape, SpanNet


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def made() -> Bars:
    return generated(400, 5, np.datetime64("2010-12-31"))


@pytest.fixture
def tiny() -> SpanNet:
    torch.manual_seed(3)
    return Shape(8, 1, projection=6, position=True).build().eval()
