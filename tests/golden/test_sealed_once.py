"""What was sealed once verifies for ever: one archive of every format version that was ever published."""

from __future__ import annotations

from pathlib import Path

import pytest

from gonogo.errors import VerificationError
from gonogo.release.verify import unpack, verify
from gonogo.service.answering.loading import served_bundle
from gonogo.trust.keys import PublicKey, generate_key

HERE = Path(__file__).parent
DIGESTS = {
    "release-1": "sha256:57adbe00e3b07ca6fd01b637469e8e05eb812edc8f3a8d2b8e1aa184ee378274",
    "release-2": "sha256:95b05b2330a12d84770b40d22bc4680b77addaa87ab3e97bbb502c68b7ad67c7",  # with a policy and a negative control
    "release-3": "sha256:6951b7717b948420ef2b0b374d9752af3f184f217c319358761458f6d3148b81",  # with a baseline of format 2 and slices
    "release-4": "sha256:567e7e6424d4af99f81b8ca2425b01aab42327be285081541c1e9f2dec2de970",  # with windows: schema 2, baseline 3
}


@pytest.mark.parametrize("version", sorted(DIGESTS))
def test_a_release_of_a_published_format_verifies(version: str) -> None:
    release = verify(HERE / version / "golden-1.0.0.tar.gz", PublicKey.load(HERE / version / "store.pub"))
    assert release.digest == DIGESTS[version]
    assert [sign_off.person for sign_off in release.sign_offs] == ["ana"]


@pytest.mark.parametrize("version", sorted(DIGESTS))
def test_it_does_not_verify_with_another_key(version: str, tmp_path: Path) -> None:
    with pytest.raises(VerificationError):
        verify(HERE / version / "golden-1.0.0.tar.gz", generate_key(tmp_path / "another"))


@pytest.mark.parametrize("version", sorted(DIGESTS))
def test_its_model_still_gives_the_scores_that_it_was_sealed_with(version: str, tmp_path: Path) -> None:
    release = unpack(HERE / version / "golden-1.0.0.tar.gz", PublicKey.load(HERE / version / "store.pub"), tmp_path)
    served = served_bundle("golden@1.0.0", release.bundle, {})  # raises when a golden request gets another score
    assert served.golden["requests"]
    assert served.schema.has_tensors == (version == "release-4")


def test_every_golden_folder_is_tested() -> None:
    assert {path.name for path in HERE.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(DIGESTS)
