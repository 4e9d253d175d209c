"""Who may ask which model, and how connections are encrypted.

A file of tokens has a model and a token on each line, `*` for all models and for administration:

    # model    token, or sha256: and its digest in hexadecimal
    flights    0d1f8c7a-...
    *          sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08

A model without a line is open to the tokens of `*` alone. Tokens are kept as digests, compared in constant time and never
logged.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stellwerk.errors import UsageError
from stellwerk.serving.errors import Code, ServingError

ALL_MODELS = "*"
"""Stands for every model in a file of tokens; who has its token may also reload models and read metrics."""

ENVIRONMENT = "STELLWERK_TOKENS"
"""The environment variable that may hold what a file of tokens holds; lines may also be divided by `;`."""

_PREFIX = "sha256:"


class Tokens:
    """Which tokens open which models."""

    def __init__(self, lines: Iterable[str], source: str) -> None:
        """Reads lines of a file of tokens; raises UsageError, which names the line and never the token."""
        self._digests: dict[str, list[bytes]] = {}
        for number, line in enumerate(lines, start=1):
            words = line.split("#", 1)[0].split() if line.lstrip().startswith("#") else line.split()
            if not words:
                continue
            if len(words) != 2:
                raise UsageError(f"{source}:{number}: a line has a model (or *) and a token, divided by a space.")
            self._digests.setdefault(words[0], []).append(_digest(words[1], f"{source}:{number}"))
        if not self._digests:
            raise UsageError(f"{source}: there is no token. Write lines of a model (or *) and a token.")

    @classmethod
    def read(cls, path: Path) -> Tokens:
        """Reads a file of tokens; raises UsageError where it cannot be read."""
        try:
            return cls(path.read_text(encoding="utf-8").splitlines(), str(path))
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise UsageError(f"{path}: the file of tokens cannot be read: {reason}.") from error

    @classmethod
    def from_environment(cls, value: str) -> Tokens:
        """Reads the value of the environment variable."""
        return cls(value.replace(";", "\n").splitlines(), ENVIRONMENT)

    def check(self, token: str | None, model: str) -> None:
        """Raises UNAUTHENTICATED without a known token, PERMISSION_DENIED where it is for other models."""
        if not {model, ALL_MODELS} & self.known(token):
            raise ServingError(Code.PERMISSION_DENIED, "The token is not for this model.")

    def known(self, token: str | None) -> set[str]:
        """Returns the models (or `*`) that a token opens; raises UNAUTHENTICATED where it opens none."""
        if token is None:
            raise ServingError(
                Code.UNAUTHENTICATED, "This server asks for a token: send 'Authorization: Bearer TOKEN'."
            )
        given = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        opened = set()
        for name, digests in self._digests.items():
            for digest in digests:
                if hmac.compare_digest(digest, given):
                    opened.add(name)
        if not opened:
            raise ServingError(Code.UNAUTHENTICATED, "The token is not known to this server.")
        return opened


def _digest(token: str, where: str) -> bytes:
    if not token.startswith(_PREFIX):
        return hashlib.sha256(token.encode()).digest()
    try:
        digest = bytes.fromhex(token[len(_PREFIX) :])
    except ValueError:
        digest = b""
    if len(digest) != hashlib.sha256().digest_size:
        raise UsageError(f"{where}: after sha256: come the 64 hexadecimal digits of a token's digest.")
    return digest


def bearer(header: str | None) -> str | None:
    """Returns the token of an Authorization header, or None."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


@dataclass(frozen=True)
class Tls:
    """The files that encrypt connections; with `client_ca`, clients must show a certificate that it signed."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Returns the settings of a TLS server; raises UsageError for files that do not fit."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key)
            if self.client_ca is not None:
                context.load_verify_locations(self.client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
        except OSError as error:
            files = ", ".join(str(path) for path in (self.certificate, self.key, self.client_ca) if path)
            raise UsageError(
                f"TLS: {files} cannot be used: {error.strerror or error}. Give PEM files that fit."
            ) from error
        return context

    def pem(self) -> tuple[bytes, bytes, bytes | None]:
        """Returns key, certificate and the clients' authority, as gRPC takes them."""
        ca = None if self.client_ca is None else self.client_ca.read_bytes()
        return self.key.read_bytes(), self.certificate.read_bytes(), ca


def check_exposure(host: str, protected: bool) -> None:
    """Raises UsageError for an address that others can reach when neither TLS nor tokens protect it."""
    if protected or host == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise UsageError(
            f"{host}: others can reach this address, and nothing protects the models. Give --tokens, or --tls-cert and "
            "--tls-key (with --client-ca for mutual TLS), or say --insecure where the network itself is safe."
        )
