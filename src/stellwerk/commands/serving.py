"""`stellwerk serve`: the options of the server as a command."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stellwerk.errors import UsageError

if TYPE_CHECKING:
    from stellwerk.serving.batching_options import BatchingOptions
    from stellwerk.serving.config import ModelConfig, VersionPolicy
    from stellwerk.serving.prediction_log import LogOptions
    from stellwerk.serving.security import Tls, Tokens
    from stellwerk.serving.server import ModelServer, ServerOptions

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command(short_help="Answer as TensorFlow Serving does, over gRPC and REST.")
@click.argument("model", type=click.Path(path_type=Path, exists=True, file_okay=False), required=False)
@click.option("--name", help="Name in requests; by default the name of the folder.")
@click.option(
    "--models-config",
    type=_FILE,
    help="Several models: a models.config of TensorFlow Serving. Read anew when it changes.",
)
@click.option(
    "--versions",
    default="latest",
    show_default=True,
    help="latest, latest:N (the newest N), all, or numbers such as 3,4.",
)
@click.option(
    "--label", "labels", multiple=True, metavar="LABEL=VERSION", help="A name for a version, e.g. canary=4. Repeatable."
)
@click.option("--poll-seconds", default=1.0, show_default=True, help="How often new versions are looked for.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; others than this machine need protection.",
)
@click.option("--port", default=8500, show_default=True, help="Port of gRPC; 0 takes a free one.")
@click.option("--rest-port", default=8501, show_default=True, help="Port of REST; 0 takes a free one.")
@click.option("--tls-cert", type=_FILE, help="Encrypt: certificate (chain) as PEM.")
@click.option("--tls-key", type=_FILE, help="Encrypt: its key as PEM.")
@click.option("--client-ca", type=_FILE, help="Mutual TLS: clients must show a certificate signed by this authority.")
@click.option("--tokens", type=_FILE, help="Lines of MODEL TOKEN, * for all models; or the variable STELLWERK_TOKENS.")
@click.option("--insecure", is_flag=True, help="Listen on an address that others reach although nothing protects it.")
@click.option(
    "--batching/--no-batching",
    default=True,
    show_default=True,
    help="Ask the model for requests that come together at once.",
)
@click.option(
    "--batching-parameters",
    type=_FILE,
    help="TensorFlow Serving's batching_parameters_file; in place of the two below.",
)
@click.option(
    "--max-batch-size",
    default=1000,
    show_default=True,
    help="Most rows that the model is asked at once; larger requests are split.",
)
@click.option("--batch-timeout-ms", default=0.0, show_default=True, help="How long a batch waits for more requests.")
@click.option(
    "--grpc-core/--no-grpc-core",
    default=None,
    help="Receive gRPC by grpcio's core, which is not public: a third of the CPU with many clients. "
    "By default only with a grpcio before 1.80, whose public server keeps what callers abandon.",
)
@click.option("--max-body-mb", default=64.0, show_default=True, help="Larger requests are refused.")
@click.option("--max-connections", default=512, show_default=True, help="Most REST connections at one time.")
@click.option("--requests-per-second", type=float, help="More requests are refused with 429.")
@click.option(
    "--timeout-seconds",
    default=30.0,
    show_default=True,
    help="Requests that take longer to answer get 504, DEADLINE_EXCEEDED.",
)
@click.option(
    "--log-predictions",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for requests and answers as Parquet.",
)
@click.option("--log-sample", default=1.0, show_default=True, help="Share of the requests that is logged.")
@click.option("--log-drop", default="", metavar="NAMES", help="Columns that are never logged, e.g. name,email.")
@click.option(
    "--log-max-mb", default=1024.0, show_default=True, help="Size of the log; the oldest files are removed beyond it."
)
def serve(**given: Any) -> None:
    """Answer as TensorFlow Serving does, over gRPC and REST, from pushed models.

    MODEL is <to>/<name> of a push: the newest version in it is served, and a newer one as soon as it is pushed, without a failed
    request. It may also be one version, or any SavedModel.

    \b
      stellwerk serve models/flights
      curl -d '{"instances": [{...}]}' localhost:8501/v1/models/flights:predict

    \b
    A canary beside the stable version, each asked by its label:
      stellwerk serve models/flights --versions 3,4 --label stable=3 --label canary=4
      curl -d ... localhost:8501/v1/models/flights/labels/canary:predict

    \b
    For other machines, encrypted and with tokens:
      stellwerk serve models/flights --host 0.0.0.0 --tokens tokens.txt --tls-cert c.pem --tls-key k.pem

    \b
    A tenth of the requests and answers as Parquet, without personal columns:
      stellwerk serve models/flights --log-predictions log --log-sample 0.1 --log-drop name,email

    Beside the models: /healthz, Prometheus' /metrics, gRPC health and reflection. SIGTERM ends the server after the answers under
    way; SIGHUP reads --models-config anew.
    """  # noqa: D301 - the backspace keeps click from joining lines
    from stellwerk.environment import load, prepare  # noqa: PLC0415

    prepare()
    _say_what_is_loaded(given)
    load("tensorflow")
    from stellwerk.serving.server import serve as serve_models  # noqa: PLC0415

    _log_to_stderr()
    serve_models(_models(given), _options(given), watched=given["models_config"], ready=_say_ready)


def _models(given: dict[str, Any]) -> Callable[[], Iterable[ModelConfig]]:
    """Returns what reads the models that were asked for; raises UsageError when that is not clear."""
    from stellwerk.serving.config import ModelConfig, one_model, read  # noqa: PLC0415
    from stellwerk.serving.versions import newest  # noqa: PLC0415

    model: Path | None = given["model"]
    file: Path | None = given["models_config"]
    if (model is None) == (file is None):
        raise UsageError("Say what to serve: either MODEL, the folder of a pushed model, or --models-config FILE.")
    policy, labels = _policy(given["versions"]), _labels(given["labels"])
    if file is not None:
        if given["name"] or labels or given["versions"] != "latest":
            raise UsageError(f"--name, --versions and --label belong to one MODEL: write them into {file}.")
        return lambda: read(file)
    assert model is not None  # noqa: S101 - one of both is there
    newest(model)  # says in words what is wrong with a folder without any version
    (config,) = one_model(model, given["name"] or _model_name(model), policy)
    return lambda: (ModelConfig(config.name, config.base_path, policy, labels),)


def _policy(text: str) -> VersionPolicy:
    from stellwerk.serving.config import ALL, VersionPolicy  # noqa: PLC0415

    word, _, number = text.partition(":")
    if text == "all":
        return ALL
    if word == "latest" and (not number or (number.isdecimal() and int(number) > 0)):
        return VersionPolicy(int(number or 1))
    numbers = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in numbers):
        raise UsageError(f"--versions is latest, latest:N, all, or numbers such as 3,4, and got '{text}'.")
    return VersionPolicy(None, tuple(sorted({int(part) for part in numbers})))


def _labels(texts: Iterable[str]) -> dict[str, int]:
    labels: dict[str, int] = {}
    for text in texts:
        label, _, version = text.partition("=")
        if not label or not version.isdecimal():
            raise UsageError(f"--label is LABEL=VERSION, e.g. canary=4, and got '{text}'.")
        labels[label] = int(version)
    return labels


def _model_name(model: Path) -> str:
    """Returns the name of the folder, or of the one above it where the folder is a version."""
    folder = model.resolve()
    return folder.parent.name if folder.name.isdigit() else folder.name


def _options(given: dict[str, Any]) -> ServerOptions:
    from stellwerk.serving.rest.limits import Limits  # noqa: PLC0415
    from stellwerk.serving.server import ServerOptions  # noqa: PLC0415

    body = int(given["max_body_mb"] * 2**20)
    return ServerOptions(
        host=given["host"],
        rest_port=given["rest_port"],
        grpc_port=given["port"],
        limits=Limits(
            body_bytes=body,
            held_bytes=max(4 * body, 256 * 2**20),
            connections=given["max_connections"],
            answer_s=given["timeout_seconds"],
        ),
        requests_per_second=given["requests_per_second"],
        tls=_tls(given),
        tokens=_tokens(given["tokens"]),
        grpc_core=given["grpc_core"],
        insecure=given["insecure"],
        batching=_batching(given),
        log=_log(given),
        poll_seconds=given["poll_seconds"],
    )


def _tls(given: dict[str, Any]) -> Tls | None:
    from stellwerk.serving.security import Tls  # noqa: PLC0415

    certificate, key, authority = given["tls_cert"], given["tls_key"], given["client_ca"]
    if certificate is None and key is None and authority is None:
        return None
    if certificate is None or key is None:
        raise UsageError("TLS needs both --tls-cert and --tls-key.")
    return Tls(certificate, key, authority)


def _tokens(file: Path | None) -> Tokens | None:
    from stellwerk.serving.security import ENVIRONMENT, Tokens  # noqa: PLC0415

    if file is not None:
        return Tokens.read(file)
    return Tokens.from_environment(os.environ[ENVIRONMENT]) if ENVIRONMENT in os.environ else None


def _batching(given: dict[str, Any]) -> BatchingOptions | None:
    from stellwerk.serving.batching_options import BatchingOptions, read_batching_options  # noqa: PLC0415

    if not given["batching"]:
        return None
    if given["batching_parameters"] is not None:
        return read_batching_options(given["batching_parameters"])
    return BatchingOptions(given["max_batch_size"], given["batch_timeout_ms"] / 1000)


def _log(given: dict[str, Any]) -> LogOptions | None:
    from stellwerk.serving.prediction_log import LogOptions  # noqa: PLC0415

    if given["log_predictions"] is None:
        return None
    drop = frozenset(name.strip() for name in given["log_drop"].split(",") if name.strip())
    return LogOptions(given["log_predictions"], given["log_sample"], drop, int(given["log_max_mb"] * 2**20))


def _log_to_stderr() -> None:
    import logging  # noqa: PLC0415

    from stellwerk.serving.log_limit import LogLimit  # noqa: PLC0415

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(LogLimit())
    logging.getLogger().addHandler(handler)  # also what libraries log of clients
    logging.getLogger("stellwerk.serving").setLevel(logging.INFO)


def _say_what_is_loaded(given: dict[str, Any]) -> None:
    """Says what will be served, before the seconds that TensorFlow takes to start; what is wrong with it is said later."""
    model: Path | None = given["model"]
    if model is None:
        click.echo(f"loading the models of {given['models_config']}", err=True)
        return
    from stellwerk.serving.versions import found  # noqa: PLC0415

    there = found(model.resolve()) or {}
    newest = f", version {max(there)}" if there and given["versions"] == "latest" else f", versions {given['versions']}"
    click.echo(f"loading {given['name'] or _model_name(model)} from {model}{newest}", err=True)


def _say_ready(server: ModelServer) -> None:
    from stellwerk.serving.announcing import announcement  # noqa: PLC0415 - TensorFlow is loaded by now

    for line in announcement(server):
        click.echo(line, err=True)
    urls = ", ".join(f"{server.url(name)}:predict" for name in server.models.names)
    click.echo(f"answering at {urls}, and gRPC at {server.grpc_address}; Ctrl-C stops", err=True)
