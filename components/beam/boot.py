"""Starts one Python worker where a runner runs a command for it: `environment_type: PROCESS`.

    python -m stellwerk.components.beam.boot --id=ID --provision_endpoint=HOST:PORT

The runner gives these two and tells all else when it is asked. Beam's own program for that, `boot`, is in its images only; it also
installs what a job has staged, and Stellwerk's jobs stage nothing.
"""

from __future__ import annotations

import argparse
import os

import grpc
from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc
from apache_beam.runners.worker import sdk_worker_main
from google.protobuf import json_format, text_format

PATIENCE = 60
"""Seconds until the runner must have answered."""


def environment(worker: str, endpoint: str) -> dict[str, str]:
    """Returns the variables from which Beam's worker takes where it belongs, as the runner at `endpoint` says."""
    with grpc.insecure_channel(endpoint) as channel:
        service = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        told = service.GetProvisionInfo(
            beam_provision_api_pb2.GetProvisionInfoRequest(),
            metadata=[("worker_id", worker)],
            timeout=PATIENCE,
            wait_for_ready=True,
        ).info
    services = {"LOGGING": told.logging_endpoint, "CONTROL": told.control_endpoint, "STATUS": told.status_endpoint}
    return {
        "WORKER_ID": worker,
        "PIPELINE_OPTIONS": json_format.MessageToJson(told.pipeline_options),
        "RUNNER_CAPABILITIES": " ".join(told.runner_capabilities),
        **{
            f"{name}_API_SERVICE_DESCRIPTOR": text_format.MessageToString(service)
            for name, service in services.items()
            if service.url
        },
    }


def main() -> None:
    """Asks the runner, and is a worker until the runner ends it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--id", required=True, help="name that the runner gives the worker")
    parser.add_argument(
        "--provision_endpoint", required=True, metavar="HOST:PORT", help="where the runner tells the rest"
    )
    given, _ = parser.parse_known_args()
    os.environ.update(environment(given.id, given.provision_endpoint))
    sdk_worker_main.main([])


if __name__ == "__main__":
    main()
