"""A bundle says whether its service explains answers; it is another bundle then, and no explainer is made up."""

import json
import shutil

import pytest

import sample
from gonogo.base.canonical import canonical_bytes
from gonogo.errors import UsageError, VerificationError
from gonogo.release.bundle import sources_digest
from gonogo.release.contents import MANIFEST, Bundle


def test_a_declared_explainer_is_in_the_bundle_and_makes_it_another(tmp_path):
    plain, explaining = sample.write_project(tmp_path / "a"), sample.write_project(tmp_path / "b", explainer="shapley")
    assert sources_digest(plain) != sources_digest(explaining)
    one, other = sample.build(plain, tmp_path / "bundles"), sample.build(explaining, tmp_path / "bundles")
    assert one.digest != other.digest
    assert "explainer" not in one.manifest["model"]
    assert other.manifest["model"]["explainer"] == "shapley"


@pytest.mark.parametrize("explainer", ["lime", "", None, 1, ["shapley"]])
def test_an_explainer_that_there_is_not_makes_the_bundle_invalid(sealed, tmp_path, explainer):
    folder = tmp_path / "bundle"
    shutil.copytree(sealed / "releases" / "small-1.1.0" / "bundle", folder)
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["model"]["explainer"] = explainer
    (folder / MANIFEST).write_bytes(canonical_bytes(manifest))
    with pytest.raises(VerificationError, match=r"bundle\.json does not say"):
        Bundle.open(folder)


def test_a_project_cannot_declare_one_that_there_is_not(tmp_path):
    with pytest.raises(UsageError, match="explainer"):
        sample.write_project(tmp_path, explainer="lime")
