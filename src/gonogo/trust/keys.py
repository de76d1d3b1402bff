"""Ed25519 keys: who could have said it.

Rules: a key's id is the SHA-256 of its public half, so it cannot be chosen; a private key is written once, readable by its owner alone,
and is never shown; a key of another kind is refused, never converted.

    >>> from pathlib import Path; from tempfile import mkdtemp
    >>> generate_key(Path(mkdtemp()) / "ana.key").key_id[:4].isalnum()
    True
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gonogo.base.files import storage, write_atomic
from gonogo.errors import ConflictError, KeyFileError, VerificationError


@dataclass(frozen=True)
class PublicKey:
    """One public key. `key_id` is the SHA-256 (hex) of its DER form; `pem` its text. Raises KeyFileError when the two disagree."""

    key_id: str
    pem: str

    def __post_init__(self) -> None:
        if _key_id(_parse(self.pem)) != self.key_id:
            raise KeyFileError("the key id is not that of the key.")

    @classmethod
    def from_pem(cls, text: str) -> PublicKey:
        """Parse a PEM text. Raises KeyFileError when it is no Ed25519 public key."""
        key = _parse(text)
        return cls(_key_id(key), _pem(key))

    @classmethod
    def load(cls, path: Path) -> PublicKey:
        """Read a key file. Raises KeyFileError when it is missing, unreadable or of the wrong kind."""
        try:
            return cls.from_pem(path.read_text(encoding="ascii"))
        except FileNotFoundError:
            raise KeyFileError(f"there is no public key at {path}.", hint="Make one: gonogo key new NAME --role ROLE") from None
        except OSError as error:
            raise KeyFileError(f"{path} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError:
            raise KeyFileError(f"{path} is not a PEM file.") from None
        except KeyFileError as error:
            raise KeyFileError(f"{path}: {error.message}", hint=error.hint) from None

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raises VerificationError unless this key made `signature` over exactly `data`."""
        try:
            _parse(self.pem).verify(signature, data)
        except InvalidSignature:
            raise VerificationError(f"the signature is not that of key {self.key_id[:16]} over these bytes.") from None


class Signer(Protocol):
    """Something that signs: a key file, a hardware token, a key service."""

    @property
    def key_id(self) -> str: ...

    @property
    def public(self) -> PublicKey: ...

    def sign(self, data: bytes) -> bytes: ...


def generate_key(path: Path) -> PublicKey:
    """Make a key pair: the private half (PKCS#8 PEM, mode 0600) at `path`, the public one beside it with the ending `.pub`.

    Raises ConflictError when either file is there: a key is never overwritten.
    """
    public_path = path.with_suffix(".pub")
    if path == public_path:
        raise KeyFileError(f"{path}: the ending .pub is that of the public half.", hint="Give the private key another ending.")
    for existing in (path, public_path):
        if existing.exists() or existing.is_symlink():
            raise ConflictError(f"{existing} is already there.", hint="Choose another name; a key is never overwritten.")
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write_new(path, pem)
    public = PublicKey.from_pem(_pem(private.public_key()))
    write_atomic(public_path, public.pem.encode())
    return public


def _write_new(path: Path, pem: bytes) -> None:
    with storage(path, "write"):
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise ConflictError(f"{path} is already there.", hint="Choose another name; a key is never overwritten.") from None
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)  # half a key is worse than none
            raise


@lru_cache(maxsize=256)
def _parse(pem: str) -> Ed25519PublicKey:
    if "PRIVATE KEY" in pem:
        raise KeyFileError("this is a private key.", hint="Give the public half (.pub), and keep the private one to yourself.")
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFileError("this is not a public key in PEM form.", hint="Make one: gonogo key new NAME") from None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"this is a key of the kind {type(key).__name__}, not Ed25519.", hint="Make one: gonogo key new NAME")
    return key


def _key_id(key: Ed25519PublicKey) -> str:
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def _pem(key: Ed25519PublicKey) -> str:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
