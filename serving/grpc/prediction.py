"""PredictionService: asks models."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from stellwerk.serving.errors import Code, ServingError
from stellwerk.serving.inference import CLASSIFY, REGRESS, Classified, Regressed, classify, regress
from stellwerk.serving.loading import SIGNATURE, Signature
from stellwerk.serving.models import ModelManager, Servable
from stellwerk.serving.protos import from_array, to_array, to_examples, type_name
from stellwerk.serving.tensors import Array, as_number


class PredictionService:
    """Answers Predict, Classify, Regress, MultiInference and GetModelMetadata."""

    def __init__(self, models: ModelManager) -> None:
        self._models = models

    def Predict(self, request: Any) -> Any:  # noqa: N802 - the names are the service's
        """Asks a signature with tensors by name; `output_filter` names the outputs that are wanted."""
        response = predict_pb2.PredictResponse()
        with self._servable(request) as servable:
            signature = servable.signature(request.model_spec.signature_name)
            wanted = wanted_outputs(signature, request.output_filter)
            inputs = {name: _input(signature, name, tensor) for name, tensor in request.inputs.items()}
            outputs = servable.predict(inputs, signature.name)
            for name in wanted:
                from_array(outputs[name], signature.definition.outputs[name].dtype, response.outputs[name])
            _fill(response.model_spec, servable, signature.name)
        return response

    def Classify(self, request: Any) -> Any:  # noqa: N802
        """Says which class each tf.Example has."""
        response = classification_pb2.ClassificationResponse()
        with self._servable(request) as servable:
            found = classify(servable, request.model_spec.signature_name, to_examples(request.input))
            _fill_classes(response.result, found)
            _fill(response.model_spec, servable, found.signature)
        return response

    def Regress(self, request: Any) -> Any:  # noqa: N802
        """Says which value each tf.Example has."""
        response = regression_pb2.RegressionResponse()
        with self._servable(request) as servable:
            found = regress(servable, request.model_spec.signature_name, to_examples(request.input))
            _fill_values(response.result, found)
            _fill(response.model_spec, servable, found.signature)
        return response

    def MultiInference(self, request: Any) -> Any:  # noqa: N802
        """Classifies and regresses the same tf.Examples with several signatures of one model."""
        response = inference_pb2.MultiInferenceResponse()
        _check_tasks(request.tasks)
        if not request.tasks:
            raise ServingError(Code.INVALID_ARGUMENT, "Inference request has no tasks.")
        with self._lend(request.tasks[0].model_spec) as servable:
            examples = to_examples(request.input)
            for task in request.tasks:
                asked = task.model_spec.signature_name
                if (asked or SIGNATURE) not in servable.signatures:
                    raise ServingError(
                        Code.INVALID_ARGUMENT, f"Requested signature not found in model graph: {asked or SIGNATURE}"
                    )
                result = response.results.add()
                answer: Classified | Regressed
                if task.method_name == CLASSIFY:
                    answer = classify(servable, asked, examples)
                    _fill_classes(result.classification_result, answer)
                else:
                    answer = regress(servable, asked, examples)
                    _fill_values(result.regression_result, answer)
                _fill(result.model_spec, servable, answer.signature)
        return response

    def GetModelMetadata(self, request: Any) -> Any:  # noqa: N802
        """Returns the signatures of a model; `signature_def` is the only metadata there is."""
        _check_spec(request)
        if not request.metadata_field:
            raise ServingError(
                Code.INVALID_ARGUMENT, "GetModelMetadataRequest must specify at least one metadata_field"
            )
        for field in request.metadata_field:
            if field != "signature_def":
                raise ServingError(Code.INVALID_ARGUMENT, f"Metadata field {field} is not supported")
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        with self._servable(request) as servable:
            signatures = get_model_metadata_pb2.SignatureDefMap()
            for name, signature in servable.signatures.items():
                signatures.signature_def[name].CopyFrom(signature.definition)
            response.metadata["signature_def"].Pack(signatures)
            _fill(response.model_spec, servable, "")
        return response

    @contextlib.contextmanager
    def _servable(self, request: Any) -> Iterator[Servable]:
        _check_spec(request)
        with self._lend(request.model_spec) as servable:
            yield servable

    def _lend(self, spec: Any) -> contextlib.AbstractContextManager[Servable]:
        version, label = chosen_version(spec)
        return self._models.servable(spec.name, version, label)


def chosen_version(spec: Any) -> tuple[int | None, str | None]:
    """Returns the version or the label that a ModelSpec names; both None for the newest."""
    choice = spec.WhichOneof("version_choice")
    version = spec.version.value if choice == "version" else None
    return version, spec.version_label if choice == "version_label" else None


def filled_spec(servable: Servable, signature: str) -> bytes:
    """Returns the ModelSpec of an answer."""
    spec = model_pb2.ModelSpec()
    _fill(spec, servable, signature)
    written: bytes = spec.SerializeToString()
    return written


def _check_spec(request: Any) -> None:
    if not request.HasField("model_spec"):
        raise ServingError(Code.INVALID_ARGUMENT, "Missing ModelSpec")


def wanted_outputs(signature: Signature, output_filter: Any) -> list[str]:
    """Returns the names of the outputs that a request wants, all without a filter; raises INVALID_ARGUMENT for others."""
    wanted: list[str] = []
    for name in output_filter:
        if name not in signature.outputs:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"output tensor alias not found in signature: {name} "
                f"Outputs expected to be in the set {{{','.join(signature.outputs)}}}.",
            )
        if name in wanted:
            raise ServingError(Code.INVALID_ARGUMENT, f"duplicate output tensor alias: {name}")
        wanted.append(name)
    return wanted or list(signature.outputs)


def _input(signature: Signature, name: str, tensor: Any) -> Array:
    expected = signature.definition.inputs[name].dtype if name in signature.inputs else tensor.dtype
    if tensor.dtype not in (expected, types_pb2.DT_INVALID):
        made = as_number(signature.inputs[name], to_array(tensor))
        if made is not None:
            return made
        place = list(signature.inputs).index(name)
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"Expects arg[{place}] to be {type_name(expected)} but {type_name(tensor.dtype)} is provided: "
            f"the input '{name}' of '{signature.name}'.",
        )
    return to_array(tensor)


def _check_tasks(tasks: Any) -> None:
    names = {task.model_spec.name for task in tasks}
    if "" in names:
        raise ServingError(Code.INVALID_ARGUMENT, "Found ModelSpec with an empty model name.")
    if len(names) > 1:
        raise ServingError(
            Code.INVALID_ARGUMENT, "All ModelSpecs in a MultiInferenceRequest must access the same model name."
        )
    seen: set[str] = set()
    for task in tasks:
        signature = task.model_spec.signature_name or SIGNATURE
        if signature in seen:
            raise ServingError(Code.INVALID_ARGUMENT, f"Duplicate evaluation of signature: {signature}")
        seen.add(signature)
        if task.method_name not in (CLASSIFY, REGRESS):
            raise ServingError(Code.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}")


def _fill(spec: Any, servable: Servable, signature: str) -> None:
    spec.name = servable.name
    spec.version.value = servable.version
    spec.signature_name = signature


def _fill_classes(result: Any, found: Classified) -> None:
    labels = found.labels.tolist() if found.labels is not None else None
    scores = found.scores.tolist() if found.scores is not None else None
    for row in range(len(scores if scores is not None else labels or [])):
        classes = result.classifications.add().classes
        if scores is None:
            texts = (labels or [])[row]
            classes.extend(classification_pb2.Class(label=_text(text)) for text in texts)
        elif labels is None:
            classes.extend(classification_pb2.Class(score=score) for score in scores[row])
        else:
            pairs = zip(labels[row], scores[row], strict=True)
            classes.extend(classification_pb2.Class(label=_text(text), score=score) for text, score in pairs)


def _fill_values(result: Any, found: Regressed) -> None:
    result.regressions.extend(regression_pb2.Regression(value=value) for value in found.values.tolist())


def _text(label: bytes | str) -> str:
    return label.decode("utf-8", "replace") if isinstance(label, bytes) else label
