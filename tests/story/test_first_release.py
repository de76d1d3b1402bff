"""From a trained model to a sealed 1.0.0: refused, signed for, passed, sealed; and what one changed byte does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gonogo.errors import VerificationError
from gonogo.release.verify import verify
from gonogo.trust.keys import PublicKey

pytestmark = [pytest.mark.xdist_group("story")]
SIGNATURES = ["technical-approval", "product-approval"]


def test_before_signing_the_verdict_is_no_go_with_one_outcome_an_item_and_after_signing_it_is_go(user) -> None:
    first = user.json("check", expect=1)
    outcomes = user.outcomes(first)
    assert first["verdict"] == "NO-GO"
    assert len(outcomes) >= 20
    unsigned = {item for item, outcome in outcomes.items() if outcome == "NOT_RUN"}
    assert unsigned == {item for item in outcomes if outcomes[item] not in ("PASS", "NOT_APPLICABLE")}
    assert len(unsigned) == 2

    user.gonogo("sign", "technical-lead")
    assert user.json("check", expect=1)["verdict"] == "NO-GO"
    user.gonogo("sign", "product-owner")
    second = user.json("check", expect=0)
    assert second["verdict"] == "GO"
    assert second["subject"] == first["subject"]


def test_one_changed_byte_of_the_model_makes_what_rests_on_it_stale_and_voids_the_signatures(released) -> None:
    model = released.folder / "models" / "forest.onnx"
    data = bytearray(model.read_bytes())
    leaf = data.index(b"\x3d", data.index(b"class_weights") + len(b"class_weights"))  # the tag before a leaf's float32
    data[leaf + 1] ^= 0x01  # its last bit
    model.write_bytes(data)

    judged = released.json("check", "--judge-only", expect=1)
    outcomes = released.outcomes(judged)
    assert judged["verdict"] == "NO-GO"
    assert set(outcomes.values()) == {"PASS", "STALE", "NOT_APPLICABLE"}
    assert {item for item, outcome in outcomes.items() if outcome == "STALE"} >= {"quality", "integrity", "golden-requests", *SIGNATURES}
    assert {outcomes["lint-clean"], outcomes["readme"]} == {"PASS"}  # they do not rest on the model

    measured = released.json("check", expect=1)
    after = released.outcomes(measured)
    assert measured["verdict"] == "NO-GO"
    assert measured["subject"] != judged["subject"]
    assert [item for item, outcome in after.items() if outcome == "STALE"] == SIGNATURES
    assert after["quality"] == "PASS"
    assert [item for item, outcome in after.items() if outcome == "FAIL"] == ["reproducible"]  # the run record speaks of another file


def test_a_release_is_refused_without_a_go_and_says_which_items_lack(user) -> None:
    user.gonogo("check", expect=1)
    done = user.gonogo("release", expect=1)
    assert "not approved" in done.stderr
    assert not list((user.folder / ".gonogo" / "releases").glob("*"))


def test_the_thirty_minute_variant_is_a_no_go_on_the_model_itself(user) -> None:
    user.python("prepare.py", "--late", "30", "--every", "6")
    user.python("train.py", "--late", "30")
    document = user.json("check", "--project", "gonogo-30.yaml", expect=1)
    failed = [item for item in document["items"] if item["outcome"] == "FAIL"]
    assert [item["item"] for item in failed] == ["quality"], failed
    assert "roc_auc" in str(failed[0])


def test_a_copied_release_verifies_with_the_public_key_alone_and_any_change_is_named(released, tmp_path: Path) -> None:
    store = released.folder / ".gonogo"
    away = tmp_path / "elsewhere"
    shutil.copytree(store / "releases" / "late-arrivals-1.0.0", away / "late-arrivals-1.0.0")
    shutil.copy(store / "releases" / "late-arrivals-1.0.0.tar.gz", away)
    shutil.copy(store / "keys" / "store.pub", away)
    released.folder = away
    assert released.json("verify", "late-arrivals-1.0.0", "--key", "store.pub")["verified"] is True
    assert released.json("verify", "late-arrivals-1.0.0.tar.gz", "--key", "store.pub")["verified"] is True

    folder, key = away / "late-arrivals-1.0.0", PublicKey.load(away / "store.pub")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(files) > 20
    for path in files:
        original = path.read_bytes()
        for position in {0, len(original) // 2, len(original) - 1}:
            changed = bytearray(original)
            changed[position] ^= 0x20
            path.write_bytes(changed)
            with pytest.raises(VerificationError) as refused:
                verify(folder, key)
            assert path.relative_to(folder).as_posix() in str(refused.value)
        path.write_bytes(original)
    verify(folder, key)

    (folder / "bundle" / ".hidden").write_text("x")
    done = released.gonogo("verify", "late-arrivals-1.0.0", "--key", "store.pub", expect=1)
    assert ".hidden" in done.stderr
    (folder / "bundle" / ".hidden").unlink()
    (folder / "bundle" / "schema.json").rename(folder / "bundle" / "schema2.json")
    done = released.gonogo("verify", "late-arrivals-1.0.0", "--key", "store.pub", expect=1)
    assert "schema.json" in done.stderr
    assert "schema2.json" in done.stderr
    (folder / "bundle" / "schema2.json").unlink()
    done = released.gonogo("verify", "late-arrivals-1.0.0", "--key", "store.pub", expect=1)
    assert "schema.json" in done.stderr


def test_releasing_again_without_a_change_does_nothing_twice(released) -> None:
    before = released.json("releases")
    released.gonogo("release")
    assert released.json("releases") == before
    log = released.json("log", "--verify")
    assert log["chain"] == "intact"
    assert [event["kind"] for event in log["events"]].count("release_registered") == 1
