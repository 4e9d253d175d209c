"""ModelService: says which versions are served, and takes new configs while serving."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2

from stellwerk.serving import config
from stellwerk.serving.errors import Code, ServingError
from stellwerk.serving.grpc.prediction import chosen_version
from stellwerk.serving.models import ModelManager

_LOG = logging.getLogger(__name__)


class ModelService:
    """Answers GetModelStatus and HandleReloadConfigRequest.

    A reload may name base paths in the folders `places` only; they hold the models that the server was started with.
    """

    def __init__(self, models: ModelManager, places: Sequence[Path]) -> None:
        self._models = models
        self._places = places

    def GetModelStatus(self, request: Any) -> Any:  # noqa: N802 - the names are the service's
        """Returns the state of one version of a model, or of all."""
        if not request.HasField("model_spec"):
            raise ServingError(Code.INVALID_ARGUMENT, "Missing ModelSpec")
        response = get_model_status_pb2.GetModelStatusResponse()
        for status in self._models.status(request.model_spec.name, *chosen_version(request.model_spec)):
            shown = response.model_version_status.add(version=status.version, state=status.state.value)
            shown.status.error_code = int(status.code)
            shown.status.error_message = status.message
        return response

    def HandleReloadConfigRequest(self, request: Any) -> Any:  # noqa: N802
        """Serves the models of a ModelConfigList in place of those served so far; answers when new ones are loaded."""
        if request.config.WhichOneof("config") != "model_config_list":
            raise ServingError(
                Code.INVALID_ARGUMENT,
                "ServerModelConfig type not supported by HandleReloadConfigRequest."
                " Only ModelConfigList is currently supported",
            )
        configs = config.from_proto(request.config, self._places)
        _LOG.info("reload: %s", ", ".join(f"{one.name} at {one.base_path}" for one in configs) or "no models")
        self._models.reload(configs)
        response = model_management_pb2.ReloadConfigResponse()
        response.status.error_code = int(Code.OK)
        for name in getattr(request, "metric_names", ()):
            response.metric.add(name=name, int64_value_increase=0)
        return response
