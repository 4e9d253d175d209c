"""Whom a connection trusts, and how it shows by TLS who it is."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from urllib3.util import create_urllib3_context

from stellwerk.components.certificates import not_as_asked, relaxed
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
    lenient: bool = False
    """Whether certificates may leave out what RFC 5280 asks of them, as they may for Go, curl and Python before 3.13."""

    @property
    def authorities(self) -> str:
        """The file of the authorities."""
        import certifi  # noqa: PLC0415

        return str(self.ca or os.environ.get("SSL_CERT_FILE") or certifi.where())

    @property
    def pair(self) -> tuple[str, str] | None:
        """The files of the certificate to show and of its key."""
        return (str(self.certificate), str(self.key or self.certificate)) if self.certificate else None

    def context(self) -> ssl.SSLContext:
        """Returns how TLS is spoken. Raises UsageError for files that hold no certificates.

        From Python 3.13 on certificates are checked strictly (`VERIFY_X509_STRICT`), unless the trust is lenient: signatures,
        names and dates are checked either way.
        """
        context = create_urllib3_context()
        if self.lenient:
            relaxed(context)
        try:
            context.load_verify_locations(self.authorities)
        except OSError as error:  # ssl.SSLError is one
            raise UsageError(f"{self.authorities}: holds no certificates in PEM: {_short(error)}.") from None
        if self.pair is not None:
            try:
                context.load_cert_chain(*self.pair)
            except OSError as error:
                message = f"{self.pair[0]}: holds no certificate in PEM that fits the key in {self.pair[1]}"
                raise UsageError(f"{message}: {_short(error)}.") from None
        return context

    def check(self) -> None:
        """Raises UsageError for files that are not there."""
        if self.ca is not None and not self.ca.is_file():
            raise UsageError(f"{self.ca}: there is no file of certificates. --ca names one in PEM.")
        if self.key is not None and self.certificate is None:
            raise UsageError("--client-key is the key of a certificate: name that with --client-certificate.")
        for option, path in (("--client-certificate", self.certificate), ("--client-key", self.key)):
            if path is not None and not path.is_file():
                raise UsageError(f"{path}: there is no such file. {option} names one in PEM.")


def untrusted(url: str, error: BaseException, said: str) -> str:
    """Returns what to tell of a certificate that was refused, and what to do; `said` is the network's own word for it."""
    found = not_as_asked(error, "--lenient-ca")
    if found is None:
        return f"{url}: cannot be trusted: {said}. Name the certificates of its authority with --ca, or check the URL."
    return f"{url}: cannot be trusted: {found}."


def _short(error: OSError) -> str:
    return (error.reason if isinstance(error, ssl.SSLError) else error.strerror) or str(error)
