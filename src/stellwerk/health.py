"""Says whether the container it runs in is well: `python -m stellwerk.health` is the image's health check.

A container that serves is well when its server says so; one that runs a step or another command is well while it runs.
Only the standard library is imported: the check runs every few seconds.
"""

from __future__ import annotations

import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

COMMAND = Path("/proc/1/cmdline")
"""The command of the container: its words, each ended by a zero byte."""
REST_PORT = "8501"
SECONDS = 4.0


def url(words: list[str]) -> str | None:
    """Returns where the server that was started with these words says how it is; None where they start no server."""
    if "serve" not in words:
        return None
    options = dict(zip(words, [*words[1:], ""], strict=True))
    options |= dict(word.split("=", 1) for word in words if word.startswith("--") and "=" in word)
    scheme = "https" if "--tls-cert" in options else "http"
    host = options.get("--host", "127.0.0.1")
    here = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - asked, not listened on
    return f"{scheme}://{here}:{options.get('--rest-port', REST_PORT)}/healthz"


def well(asked: str, seconds: float = SECONDS) -> bool:
    """Asks a server how it is. Whose certificate it shows does not matter: the question stays in the container.

    One that wants a client's certificate and refuses the connection for lack of it is well, as it answers.
    """
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(asked, timeout=seconds, context=anyone) as answer:  # noqa: S310 - http or https, see url
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False
    except OSError as error:
        return "CERTIFICATE_REQUIRED" in str(error)


def main() -> int:
    """Returns the exit status that Docker and Podman expect: 0 when well, else 1."""
    asked = url(COMMAND.read_bytes().decode(errors="replace").split("\0"))
    return 0 if asked is None or well(asked) else 1


if __name__ == "__main__":
    sys.exit(main())
