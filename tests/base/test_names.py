"""Versions are written in one way."""

import pytest

from gonogo.base.names import Ref, Version
from gonogo.errors import UsageError


@pytest.mark.parametrize("text", ["1.0", "1.0.0.0", "01.0.0", "1.0.0-a", "v1.0.0", "1.0.0 ", "1.\u0662.0", "\uff11.0.0", ""])
def test_what_is_no_version_is_refused_digits_of_other_scripts_too(text):
    with pytest.raises(UsageError):
        Version.parse(text)
    with pytest.raises(UsageError):
        Ref.parse(f"flights@{text}")


def test_a_version_is_read_as_it_is_written():
    assert str(Version.parse("10.0.3")) == "10.0.3"


def test_what_is_neither_a_version_nor_a_pointer_is_told_of_both():
    with pytest.raises(UsageError) as refused:
        Ref.parse("flights@prod")
    assert all(word in str(refused.value) for word in ("'prod'", "1.2.0", "staging", "production"))
