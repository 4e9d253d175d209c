"""Predict calls that came together are answered together: read, asked and written at once where each has one row.

What a call gets, and what is counted and logged of it, is the same as when it is answered alone. A call that cannot be read or
answered with the others is.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.message import DecodeError
from tensorflow_serving.apis import model_pb2, predict_pb2

from stellwerk.serving.errors import Code, ServingError
from stellwerk.serving.grpc.calls import Call, Receiver
from stellwerk.serving.grpc.prediction import PredictionService, chosen_version, filled_spec, wanted_outputs
from stellwerk.serving.grpc.rows import BARE_REQUEST, RowForm, Unlike
from stellwerk.serving.grpc.services import PACKAGE, STATUS, read_request, refusal
from stellwerk.serving.guard import Guard
from stellwerk.serving.models import ModelManager, Servable

PREDICT = f"/{PACKAGE}.PredictionService/Predict"

_MOST_FORMS = 256

Asked = tuple[Call, Any]
"""A call and its bare request."""


class PredictCalls:
    """Answers calls of Predict."""

    def __init__(
        self,
        models: ModelManager,
        service: PredictionService,
        guards: Sequence[Guard],
        plainly: Callable[[Call], None],
        receiver: Receiver,
    ) -> None:
        """`plainly` answers a call as those of every other method are; `receiver` is told when the model was asked."""
        self._models = models
        self._service = service
        self._guards = guards
        self._plainly = plainly
        self._receiver = receiver
        self._forms: dict[tuple[str, int, bytes, tuple[bytes, ...]], RowForm | None] = {}

    def answer(self, calls: Sequence[Call]) -> None:
        """Answers calls: those of one form, to one model, together."""
        groups: dict[tuple[bytes, tuple[bytes, ...]], list[Asked]] = {}
        for call in calls:
            try:
                request = BARE_REQUEST.FromString(call.message)
                spec: bytes = request.model_spec
            except DecodeError:
                spec = b""
            if spec:
                groups.setdefault((spec, tuple(request.output_filter)), []).append((call, request))
            else:
                self._plainly(call)
        for (spec, wanted), asked in groups.items():
            self._answer_group(spec, wanted, asked)

    def _answer_group(self, spec: bytes, wanted: tuple[bytes, ...], asked: list[Asked]) -> None:
        try:
            chosen = model_pb2.ModelSpec.FromString(spec)
        except DecodeError:
            for call, _ in asked:
                self._plainly(call)
            return
        asked = [one for one in asked if self._admitted(one[0], chosen.name)]
        try:
            version, answers = self._answered(chosen, spec, wanted, asked) if asked else (0, [])
        except Unlike:
            self._answer_apart(asked, chosen.name)
        except Exception as error:
            if len(asked) > 1 and getattr(error, "code", None) is not Code.RESOURCE_EXHAUSTED:
                self._answer_apart(asked, chosen.name)  # so that only the call that it is about gets the error
                return
            for call, _ in asked:
                self._refuse(call, chosen.name, error)
        else:
            with self._receiver.sending:
                for (call, _), answer in zip(asked, answers, strict=True):
                    call.answer(answer)
            for call, _ in asked:
                self._count(call, chosen.name, version, Code.OK)

    def _answered(
        self, chosen: Any, spec: bytes, wanted: tuple[bytes, ...], asked: list[Asked]
    ) -> tuple[int, list[bytes]]:
        version, label = chosen_version(chosen)
        with self._models.servable(chosen.name, version, label) as servable:
            form = self._form(servable, chosen.signature_name, spec, wanted)
            if form is None or (len(asked) > 1 and not servable.shares(form.signature.name)):
                raise Unlike
            columns = form.columns([request for _, request in asked])
            outputs = servable.predict_parts(columns, [1] * len(asked), form.signature.name)
            self._receiver.asked()
            if len(asked) > 1 and any(not array.ndim or len(array) != len(asked) for array in outputs.values()):
                raise Unlike
            return servable.version, form.answers(outputs, len(asked))

    def _form(self, servable: Servable, name: str, spec: bytes, wanted: tuple[bytes, ...]) -> RowForm | None:
        """Returns the form of such requests, None where there is none; raises ServingError as Predict does."""
        signature = servable.signature(name)
        key = (servable.name, servable.version, spec, wanted)
        form = self._forms.get(key)
        if form is not None and form.signature is signature:
            return form
        outputs = wanted_outputs(signature, [name.decode("utf-8", "replace") for name in wanted])
        try:
            form = RowForm(signature, outputs, filled_spec(servable, signature.name))
        except Unlike:
            return None
        if len(self._forms) >= _MOST_FORMS:
            self._forms.clear()
        self._forms[key] = form
        return form

    def _admitted(self, call: Call, name: str) -> bool:
        try:
            for guard in self._guards:
                guard.admit(call.details.invocation_metadata, name)
        except ServingError as refused:
            self._refuse(call, name, refused)
            return False
        return True

    def _answer_apart(self, asked: Sequence[Asked], name: str) -> None:
        """Answers each call alone; a model that batches puts them together again."""
        for call, _ in asked[1:]:
            self._receiver.elsewhere(functools.partial(self._answer_alone, call, name))
        self._answer_alone(asked[0][0], name)

    def _answer_alone(self, call: Call, name: str) -> None:
        try:
            response = self._service.Predict(read_request(predict_pb2.PredictRequest, call.message))
        except Exception as error:
            self._refuse(call, name, error)
        else:
            call.answer(response.SerializeToString())
            self._count(call, name, response.model_spec.version.value, Code.OK)

    def _refuse(self, call: Call, name: str, error: Exception) -> None:
        code, text = refusal(error)
        call.refuse(STATUS[int(code)], text)
        self._count(call, name, None, code)

    def _count(self, call: Call, name: str, version: int | None, code: Code) -> None:
        for guard in self._guards:
            guard.count("Predict", name, version, code, time.perf_counter() - call.began)
