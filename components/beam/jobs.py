"""A Beam pipeline on the runner of the spec: its options, and its errors as sentences."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Iterator, Sequence

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc
from apache_beam.runners.portability import fn_api_runner

from stellwerk import errors
from stellwerk.components.beam.portions import Portion, spread
from stellwerk.components.beam.reaching import SECONDS, refusal
from stellwerk.components.beam.shared_storage import SharedStorage
from stellwerk.components.beam.watching import Watch
from stellwerk.errors import StellwerkError, StepFailed, did_you_mean
from stellwerk.spec.beam import Beam

_OURS = re.compile(r"stellwerk\.errors\.(\w+): (.+?)(?: \[while running|\\n|\n|$)")
_CAUSE = re.compile(r"^(?:Caused by: )?[\w.$]+(?:Error|Exception): .+$", re.MULTILINE)
_WHERE = " [while running"
_LONGEST = 500

PATIENCE = 30 * 86_400
"""Seconds a job may take: Beam's `job_server_timeout` also ends the streams that tell how a job goes, after one minute by default."""


def in_process() -> fn_api_runner.FnApiRunner:
    """Returns Beam's runner inside this process, by name: the default of newer versions looks for another on the internet."""
    return fn_api_runner.FnApiRunner()


@contextlib.contextmanager
def job(settings: Beam, step: str, given: Sequence[Portion], place: SharedStorage) -> Iterator[beam.PCollection]:
    """Gives the portions as the beginning of a pipeline that is run, and waited for, when the block ends.

    Raises StepFailed, before anything is sent, for a runner that cannot be used and options that nobody knows; after it, what
    a worker raised where it is an error of ours, else StepFailed with the cause that Beam tells, or that no worker came up.
    """
    why = refusal(settings)
    if why:
        raise StepFailed(f"beam: {settings.runner} {why}.")
    options = _options(settings, step)
    runner = in_process() if settings.runner == "FnApiRunner" else settings.runner
    watch = Watch(settings, place.at(f"worker-{uuid.uuid4().hex}"))
    try:
        with beam.Pipeline(runner=runner, options=options) as pipeline:
            yield pipeline | "Portions" >> spread(given, watch.address)
            watch.begin(pipeline)
    except StepFailed as error:  # a worker in this process keeps the type, and says behind the message where it was
        text, where, _ = str(error).partition(_WHERE)
        if where:
            raise type(error)(text) from error
        raise
    except StellwerkError:
        raise
    except Exception as error:
        raise (watch.failure() if watch.gave_up else told(settings, error)) from error
    finally:
        watch.end()
    if watch.gave_up:
        raise watch.failure()


def _options(settings: Beam, step: str) -> PipelineOptions:
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.options.items()}
    known = set(PipelineOptions([]).get_all_options())
    if settings.endpoint is not None:
        known |= _described(settings.endpoint)
    # A job server that is not started yet may know more options than Beam does.
    all_known = settings.endpoint is not None or settings.runner in ("FnApiRunner", "DataflowRunner")
    for name in given if all_known else ():
        if name not in known and not name.startswith("no_"):
            raise StepFailed(
                f"beam.options.{name}: neither Beam nor its {settings.runner} has this option."
                f"{did_you_mean(name, known)} Correct it or remove it."
            )
    usual = {"job_name": f"stellwerk-{step}", "job_server_timeout": PATIENCE}
    return PipelineOptions.from_dictionary({**usual, **given})


def _described(endpoint: str) -> set[str]:
    """Returns the options that a job service has. Raises StepFailed where what answers is none."""
    with grpc.insecure_channel(endpoint) as channel:
        service = beam_job_api_pb2_grpc.JobServiceStub(channel)
        try:
            described = service.DescribePipelineOptions(
                beam_job_api_pb2.DescribePipelineOptionsRequest(), timeout=4 * SECONDS, wait_for_ready=True
            )
        except grpc.RpcError as error:
            raise StepFailed(
                f"beam.options.job_endpoint: what answers at {endpoint} is no job service of Beam ({error.code().name}). "
                "Correct the address: it is the port of jobs, not that of artifacts."
            ) from error
    return {option.name for option in described.options}


def told(settings: Beam, error: Exception) -> StellwerkError:
    """Returns what ended a job: the error of ours that a worker raised, whose type Beam loses, or Beam's own cause."""
    text = str(error)
    ours = _OURS.search(text)
    kind = getattr(errors, ours.group(1), None) if ours else None
    if ours and isinstance(kind, type) and issubclass(kind, StepFailed):
        return kind(ours.group(2))
    causes = _CAUSE.findall(text)
    lines = [causes[-1]] if causes else text.strip().splitlines()[:1] or [type(error).__name__]
    return StepFailed(f"beam: {settings.runner} could not do the job: {lines[0][:_LONGEST]}")
