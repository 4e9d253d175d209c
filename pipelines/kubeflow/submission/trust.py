"""Whom a connection trusts, and how it shows by TLS who it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from stellwerk.errors import UsageError


@dataclass(frozen=True)
class Trust:
    """Certificates of a connection, as files in PEM."""

    ca: Path | None = None
    """Authorities to trust; by default $SSL_CERT_FILE, else Mozilla's."""
    certificate: Path | None = None
    """Certificate to show, with those that sign it."""
    key: Path | None = None
    """Its key; by default it is in the same file."""

    @property
    def authorities(self) -> str:
        """The file of the authorities."""
        import certifi  # noqa: PLC0415

        return str(self.ca or os.environ.get("SSL_CERT_FILE") or certifi.where())

    @property
    def pair(self) -> tuple[str, str] | None:
        """The files of the certificate to show and of its key."""
        return (str(self.certificate), str(self.key or self.certificate)) if self.certificate else None

    def check(self) -> None:
        """Raises UsageError for files that are not there."""
        if self.ca is not None and not self.ca.is_file():
            raise UsageError(f"{self.ca}: there is no file of certificates. --ca names one in PEM.")
        if self.key is not None and self.certificate is None:
            raise UsageError("--client-key is the key of a certificate: name that with --client-certificate.")
        for option, path in (("--client-certificate", self.certificate), ("--client-key", self.key)):
            if path is not None and not path.is_file():
                raise UsageError(f"{path}: there is no such file. {option} names one in PEM.")
