"""A Kubeflow to ask, and the command line that asks it."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from stellwerk.__main__ import main
from stellwerk.components.sdk import compiler, dsl

from .server import Backend, serving


def _pipeline() -> object:
    """Three steps, one after the other, and a parameter of every type."""

    @dsl.component(base_image="registry.example/stellwerk:0.1.0", install_kfp_package=False)
    def ingest(sources: dict, table: dsl.Output[dsl.Dataset]) -> None:
        print(sources, table)

    @dsl.component(base_image="registry.example/stellwerk:0.1.0", install_kfp_package=False)
    def train(
        epochs: int, learning_rate: float, hidden: list, table: dsl.Input[dsl.Dataset], model: dsl.Output[dsl.Model]
    ) -> None:
        print(epochs, learning_rate, hidden, table, model)

    @dsl.component(base_image="registry.example/stellwerk:0.1.0", install_kfp_package=False)
    def push(to: str, dry: bool, model: dsl.Input[dsl.Model]) -> None:
        print(to, dry, model)

    @dsl.pipeline(name="flight-delays")
    def pipeline(
        to: str,
        epochs: int = 5,
        learning_rate: float = 0.001,
        dry: bool = False,
        hidden: list = [64],  # noqa: B006
        sources: dict = {},  # noqa: B006
    ) -> None:
        made = ingest(sources=sources)
        trained = train(epochs=epochs, learning_rate=learning_rate, hidden=hidden, table=made.outputs["table"])
        push(to=to, dry=dry, model=trained.outputs["model"])

    return pipeline


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "ir.yaml"
    compiler.Compiler().compile(_pipeline(), str(path))
    return path


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Command = Callable[..., Ran]
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stellwerk.pipelines.kubeflow.submission.client.FIRST_PAUSE", 0.01)


@pytest.fixture
def backend() -> Iterator[Backend]:
    """A running Kubeflow; every test also says that nothing was asked of it that its API does not have."""
    with serving(Backend()) as running:
        yield running
    assert running.violations == []


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this machine, which signs itself, and its key."""
    folder, key, day = tmp_path_factory.mktemp("tls"), ec.generate_private_key(ec.SECP256R1()), timedelta(days=1)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - day)
        .not_valid_after(datetime.now(UTC) + day)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.KeyUsage(True, *[False] * 4, True, True, False, False), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    encoding = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(encoding))
    (folder / "key.pem").write_bytes(key.private_bytes(encoding, *plain))
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def ir(compiled: Path, tmp_path: Path) -> Path:
    """A compiled pipeline."""
    return Path(shutil.copy(compiled, tmp_path / "ir.yaml"))


@pytest.fixture
def command(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs `stellwerk ...` in an empty folder, with the running Kubeflow as its host."""
    for name in (
        "STELLWERK_NAMESPACE",
        "KF_PIPELINES_UI_ENDPOINT",
        "KF_PIPELINES_DEFAULT_EXPERIMENT_NAME",
        "SSL_CERT_FILE",
        *PROXIES,
        *map(str.lower, PROXIES),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", backend.url)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["stellwerk", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as left:
            code = int(left.code or 0)
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return run
