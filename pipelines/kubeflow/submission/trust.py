"""Whom a connection trusts, and how it shows by TLS who it is."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from urllib3.util import create_urllib3_context

from stellwerk.errors import UsageError

NOT_AS_ASKED = range(80, 94)
"""What OpenSSL's strict check alone refuses (X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA to X509_V_ERR_EXTENSIONS_REQUIRE_VERSION_3)."""


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
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
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
    found = _verification(error)
    if found is None or found.verify_code not in NOT_AS_ASKED:
        return f"{url}: cannot be trusted: {said}. Name the certificates of its authority with --ca, or check the URL."
    why = found.verify_message.rstrip(".")
    message = f"{url}: cannot be trusted: its certificate, or its authority's, is not made as RFC 5280 asks: {why}."
    strict = "Python checks that since 3.13, where Go, curl and browsers do not."
    return f"{message} {strict} Have it made anew{_with(found.verify_code)}, or take it as it is with --lenient-ca."


def _with(code: int) -> str:
    """Returns what a new certificate has to have, for what authorities of clusters usually leave out."""
    missing = {
        85: "authorityKeyIdentifier = keyid",
        86: "subjectKeyIdentifier = hash",
        89: "basicConstraints = critical, CA:TRUE",
        92: "keyUsage = critical, keyCertSign, cRLSign",
    }
    return f" with `{missing[code]}`" if code in missing else ""


def _verification(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """Returns the refusal of a certificate inside an error of a client, each of which wraps it in its own way."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if isinstance(each, ssl.SSLCertVerificationError):
            return each
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            waiting += [getattr(each, "reason", None), each.__cause__, each.__context__, *each.args]
    return None


def _short(error: OSError) -> str:
    return (error.reason if isinstance(error, ssl.SSLError) else error.strerror) or str(error)
