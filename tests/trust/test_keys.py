"""Keys: made once, kept private, refused when they are of the wrong kind."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gonogo.errors import ConflictError, KeyFileError, StorageError, VerificationError
from gonogo.trust.keys import PublicKey, generate_key
from gonogo.trust.signers.file import FileSigner


def test_a_new_private_key_is_readable_by_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        generate_key(tmp_path / "ana.key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "ana.key").stat().st_mode) == 0o600


def test_what_the_private_half_signs_the_public_half_verifies(tmp_path: Path, ana: FileSigner) -> None:
    public = PublicKey.load(tmp_path / "ana.pub")
    public.verify(ana.sign(b"words"), b"words")
    with pytest.raises(VerificationError):
        public.verify(ana.sign(b"words"), b"other words")


def test_another_persons_signature_is_refused(ana: FileSigner, ben: FileSigner) -> None:
    with pytest.raises(VerificationError, match=ben.key_id[:16]):
        ben.public.verify(ana.sign(b"words"), b"words")


@pytest.mark.parametrize("signature", [b"", b"\0" * 64, b"short", b"\xff" * 65])
def test_a_signature_of_any_other_shape_is_refused(ana: FileSigner, signature: bytes) -> None:
    with pytest.raises(VerificationError):
        ana.public.verify(signature, b"words")


@pytest.mark.parametrize("existing", ["ana.key", "ana.pub"])
def test_a_key_is_never_overwritten(tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).write_text("mine")
    with pytest.raises(ConflictError, match=existing):
        generate_key(tmp_path / "ana.key")
    assert (tmp_path / existing).read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_key_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "ana.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConflictError):
        generate_key(tmp_path / "ana.key")
    assert not (tmp_path / "elsewhere").exists()


def test_a_private_key_cannot_take_the_public_halfs_name(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"\.pub"):
        generate_key(tmp_path / "ana.pub")


def test_a_folder_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="ana"):
        generate_key(tmp_path / "missing" / "ana.key")


def test_a_private_key_that_others_can_read_is_refused_with_the_repair(tmp_path: Path, ana: FileSigner) -> None:
    (tmp_path / "ana.key").chmod(0o640)
    with pytest.raises(KeyFileError, match="0640") as caught:
        FileSigner(tmp_path / "ana.key")
    assert "chmod 600" in caught.value.hint


def test_a_missing_private_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="gonogo key new"):
        FileSigner(tmp_path / "nobody.key")


def test_a_missing_public_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="gonogo key new"):
        PublicKey.load(tmp_path / "nobody.pub")


def test_a_public_key_does_not_sign(tmp_path: Path, ana: FileSigner) -> None:
    (tmp_path / "ana.pub").chmod(0o600)
    with pytest.raises(KeyFileError, match="private half"):
        FileSigner(tmp_path / "ana.pub")


def test_a_private_key_is_not_taken_for_a_public_one_and_is_not_shown(tmp_path: Path, ana: FileSigner) -> None:
    with pytest.raises(KeyFileError, match="private key") as caught:
        PublicKey.load(tmp_path / "ana.key")
    secret = (tmp_path / "ana.key").read_text().splitlines()[1]
    assert secret not in str(caught.value)
    assert secret not in repr(ana)


def test_a_key_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    public, private = tmp_path / "other.pub", tmp_path / "other.key"
    public.write_bytes(other.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    private.write_bytes(other.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    private.chmod(0o600)
    with pytest.raises(KeyFileError, match="Ed25519"):
        PublicKey.load(public)
    with pytest.raises(KeyFileError, match="Ed25519"):
        FileSigner(private)


def test_an_encrypted_private_key_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "locked.key"
    path.write_bytes(
        Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"word")
        )
    )
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="passphrase"):
        FileSigner(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xfe\x00", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_file_that_is_no_key_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "junk.pub"
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match=r"junk\.pub"):
        PublicKey.load(path)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match=r"junk\.pub"):
        FileSigner(path)


def test_a_key_cannot_claim_another_keys_id(ana: FileSigner, ben: FileSigner) -> None:
    with pytest.raises(KeyFileError):
        PublicKey(ana.key_id, ben.public.pem)


def test_the_id_does_not_depend_on_how_the_text_is_laid_out(ana: FileSigner) -> None:
    assert PublicKey.from_pem("\n" + ana.public.pem + "\n") == ana.public
