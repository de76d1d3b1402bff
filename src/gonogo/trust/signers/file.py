"""Signing with a private key in a file that only its owner can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gonogo.errors import KeyFileError
from gonogo.trust.keys import PublicKey


class FileSigner:
    """A `Signer` over an unencrypted PKCS#8 PEM file.

    Raises KeyFileError when the file is missing, readable by others, or holds no Ed25519 private key.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._key = _load(path)
        self.public = PublicKey.from_pem(
            self._key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
        )

    @property
    def key_id(self) -> str:
        return self.public.key_id

    def sign(self, data: bytes) -> bytes:
        """The 64-byte Ed25519 signature of `data`."""
        return self._key.sign(data)

    def __repr__(self) -> str:
        return f"FileSigner({str(self._path)!r}, key {self.key_id[:16]}, private half not shown)"


def _load(path: Path) -> Ed25519PrivateKey:
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode  # of the opened file, so that it cannot be exchanged in between
            data = file.read(1 << 16)
    except FileNotFoundError:
        raise KeyFileError(f"there is no private key at {path}.", hint="Make one: gonogo key new NAME") from None
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}.") from error
    if b"-----BEGIN" not in data:
        raise KeyFileError(f"{path} is not a private key in PEM form.", hint="Name the file that `gonogo key new` wrote.")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(
            f"{path} can be read by others (mode {stat.S_IMODE(mode):04o}).",
            hint=f"Run: chmod 600 {path}, and make a new key if somebody else may have read it.",
        )
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except TypeError:
        raise KeyFileError(f"{path} is encrypted with a passphrase.", hint="Decrypt it into a file of mode 0600 first.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFileError(f"{path} is not a private key in PEM form.", hint="Give the private half, not the .pub file.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} holds a key of another kind than Ed25519.", hint="Make one: gonogo key new NAME")
    return key
