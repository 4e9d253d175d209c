"""Certificates that leave out what RFC 5280 asks of them: Python refuses them from 3.13 on, where Go, curl and browsers do not.

Clusters are full of them, as their own programs are written in Go. Signatures, names and dates are checked in any case.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping

LENIENT_CA = "STELLWERK_LENIENT_CA"
"""The variable that takes them; `--lenient-ca` does the same on the command line."""
NOT_AS_ASKED = range(80, 94)
"""What OpenSSL's strict check alone refuses (X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA to X509_V_ERR_EXTENSIONS_REQUIRE_VERSION_3)."""
MISSING = {
    85: "authorityKeyIdentifier = keyid",
    86: "subjectKeyIdentifier = hash",
    89: "basicConstraints = critical, CA:TRUE",
    92: "keyUsage = critical, keyCertSign, cRLSign",
}
"""What a new certificate has to have, for what authorities of clusters usually leave out."""


def is_lenient(environment: Mapping[str, str]) -> bool:
    """Says whether the environment takes such certificates."""
    return environment.get(LENIENT_CA, "").lower() in ("1", "true", "yes")


def relaxed(context: ssl.SSLContext) -> ssl.SSLContext:
    """Returns a context that takes such certificates."""
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def not_as_asked(error: BaseException, remedy: str) -> str | None:
    """Returns what a refused certificate leaves out and what to do, as sentences without the last full stop; None for any other error.

    `remedy` says how to take it as it is.
    """
    found = _verification(error)
    if found is None or found.verify_code not in NOT_AS_ASKED:
        return None
    why = found.verify_message.rstrip(".")
    message = f"its certificate, or its authority's, is not made as RFC 5280 asks: {why}."
    new = f" with `{MISSING[found.verify_code]}`" if found.verify_code in MISSING else ""
    strict = "Python checks that since 3.13, where Go, curl and browsers do not."
    return f"{message} {strict} Have it made anew{new}, or take it as it is with {remedy}"


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
