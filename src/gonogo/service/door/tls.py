"""The certificate that a server shows: TLS 1.2 and newer, HTTP/1.1, read again when its files change.

A renewal replaces two files, one after the other, so a pair that does not fit is no reason to stop: the old one stays in use, the
trouble is recorded, and the next change of either file is looked at.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

from gonogo.errors import GonogoError, KeyFileError


class Certificate:
    """A certificate chain and its private key, both PEM. Raises KeyFileError when they cannot be used."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._seen = self._stamp()
        self.context = self._load()

    def refresh(self, on_fault: Callable[[BaseException], None]) -> None:
        """Use the files as they are now for connections that come from now on, if they changed and fit."""
        seen = self._stamp()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self.context = self._load()
        except GonogoError as error:
            on_fault(error)

    def _stamp(self) -> tuple[object, ...]:
        stamps: list[object] = []
        for file in self._files:
            try:
                facts = file.stat()
            except OSError:
                stamps.append(None)
            else:
                stamps.append((facts.st_mtime_ns, facts.st_size, facts.st_ino))
        return tuple(stamps)

    def _load(self) -> ssl.SSLContext:
        certificate, key = self._files
        for file, what in ((certificate, "certificate"), (key, "private key")):
            try:
                file.open("rb").close()
            except OSError as error:
                raise KeyFileError(f"the {what} {file} cannot be read ({error.strerror}).", hint="Name a PEM file.") from error
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(certificate, key, password=lambda: "")
        except ssl.SSLError as error:
            reason = (error.reason or str(error)).lower().replace("_", " ")
            raise KeyFileError(
                f"{certificate} and {key} are no certificate with its key ({reason}).",
                hint="Both are PEM files, the key has no passphrase, and it is the one that the certificate was made for.",
            ) from error
        return context
