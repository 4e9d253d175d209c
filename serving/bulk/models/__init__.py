"""Where a model may be: one module each, chosen by the beginning of its address."""

from __future__ import annotations

from collections.abc import Callable

from stellwerk.serving.bulk.models.address import is_address, parse
from stellwerk.serving.bulk.models.base import Asked
from stellwerk.serving.bulk.options import Options

__all__ = ["Asked", "open_model"]


def open_model(model: str, options: Options, say: Callable[[str], None]) -> Asked:
    """Opens a model by its folder or address; `say` takes sentences for the user.

    Raises UsageError for a wrong address, ModelError when there is no model that answers.
    """
    if not is_address(model):
        from stellwerk.serving.bulk.models.local import LocalModel  # noqa: PLC0415 - loads TensorFlow

        return LocalModel(model, options)
    if parse(model, options).scheme.startswith("http"):
        from stellwerk.serving.bulk.models.rest import RestModel  # noqa: PLC0415

        return RestModel(model, options, say)
    from stellwerk.serving.bulk.models.grpc import GrpcModel  # noqa: PLC0415 - loads TensorFlow

    return GrpcModel(model, options, say)
