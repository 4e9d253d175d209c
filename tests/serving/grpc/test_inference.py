"""Classify, Regress and MultiInference over tf.Examples, for signatures made for them and for exported models."""

from __future__ import annotations

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, inference_pb2, input_pb2, regression_pb2

INVALID = grpc.StatusCode.INVALID_ARGUMENT
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


@pytest.fixture
def classifying(examples):
    def classifying(name="judge", signature="", given=(0.25, 0.75)):
        spec = {"name": name, "signature_name": signature}
        return classification_pb2.ClassificationRequest(model_spec=spec, input=examples(*given))

    return classifying


@pytest.fixture
def regressing(examples):
    def regressing(name="judge", signature="regress", given=(0.25, 0.75)):
        spec = {"name": name, "signature_name": signature}
        return regression_pb2.RegressionRequest(model_spec=spec, input=examples(*given))

    return regressing


def rows(answer):
    return [[(one.label, one.score) for one in row.classes] for row in answer.result.classifications]


def test_classify_gives_a_label_and_a_score_for_each_class(prediction, classifying):
    answer = prediction.Classify(classifying(), timeout=60)
    assert rows(answer) == [[("no", 0.75), ("yes", 0.25)], [("no", 0.25), ("yes", 0.75)]]
    assert (answer.model_spec.name, answer.model_spec.version.value) == ("judge", 1)
    assert answer.model_spec.signature_name == "serving_default"


def test_labels_or_scores_alone_are_enough(prediction, classifying):
    assert rows(prediction.Classify(classifying(signature="names", given=[0.5]), timeout=60)) == [
        [("no", 0.0), ("yes", 0.0)]
    ]
    assert rows(prediction.Classify(classifying(signature="scores", given=[0.5]), timeout=60)) == [
        [("", 0.5), ("", 0.5)]
    ]


def test_an_exported_binary_model_classifies_by_its_probability(prediction, classifying):
    answer = prediction.Classify(classifying("exported"), timeout=60)
    assert rows(answer) == [[("punctual", 0.75), ("late", 0.25)], [("punctual", 0.25), ("late", 0.75)]]
    assert answer.model_spec.signature_name == "serve_examples"
    assert rows(prediction.Classify(classifying("exported", "serve_examples"), timeout=60)) == rows(answer)


def test_regress_gives_a_value_for_each_example(prediction, regressing):
    answer = prediction.Regress(regressing(), timeout=60)
    assert [one.value for one in answer.result.regressions] == [0.5, 1.5]
    assert answer.model_spec.signature_name == "regress"


def test_an_exported_regression_answers_with_its_predictions(prediction):
    example = tf.train.Example()
    example.features.feature["distance"].float_list.value.append(7)
    request = regression_pb2.RegressionRequest(
        model_spec={"name": "flights"}, input=input_pb2.Input(example_list={"examples": [example]})
    )
    answer = prediction.Regress(request, timeout=60)
    assert [one.value for one in answer.result.regressions] == [7.0]
    assert answer.model_spec.signature_name == "serve_examples"


def test_the_context_counts_for_every_example(prediction):
    context = tf.train.Example()
    context.features.feature["x"].float_list.value.append(0.5)
    both = input_pb2.Input(
        example_list_with_context={"examples": [tf.train.Example(), tf.train.Example()], "context": context}
    )
    request = regression_pb2.RegressionRequest(model_spec={"name": "judge", "signature_name": "regress"}, input=both)
    assert [one.value for one in prediction.Regress(request, timeout=60).result.regressions] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("name", "signature", "given", "text"),
    [
        ("judge", "x", [1.0], "No signature was found with the name: x"),
        ("judge", "regress", [1.0], "Expected classification signature outputs to contain at least one of"),
        ("judge", "flat", [1.0], "Expected Tensor shape: [batch_size num_classes] but got [1]"),
        ("judge", "", [], "Input is empty."),
        ("exported", "serving_default", [1.0], "No classification inputs found in SignatureDef"),
        ("flights", "", [1.0], "Expected one input Tensor."),
    ],
)
def test_classify_refusals(prediction, refusal, classifying, name, signature, given, text):
    code, details = refusal(prediction.Classify, classifying(name, signature, given))
    assert code is INVALID
    assert details.startswith(text)


@pytest.mark.parametrize(
    ("name", "signature", "text"),
    [
        ("judge", "x", "No signature was found with the name: x"),
        ("judge", "", "Expected one output Tensor."),
        ("judge", "names", "No regression outputs found in SignatureDef"),
        ("judge", "wide", "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,3]"),
        ("exported", "serve_examples", "No regression inputs found in SignatureDef"),
    ],
)
def test_regress_refusals(prediction, refusal, regressing, name, signature, text):
    code, details = refusal(prediction.Regress, regressing(name, signature))
    assert code is INVALID
    assert details.startswith(text)


def test_a_request_without_a_model_is_refused(prediction, refusal):
    assert refusal(prediction.Classify, classification_pb2.ClassificationRequest()) == (INVALID, "Missing ModelSpec")
    assert refusal(prediction.Regress, regression_pb2.RegressionRequest()) == (INVALID, "Missing ModelSpec")


def test_examples_that_do_not_parse_are_refused(prediction, refusal, classifying):
    lacking = classification_pb2.ClassificationRequest(
        model_spec={"name": "judge"}, input=input_pb2.Input(example_list={"examples": [tf.train.Example()]})
    )
    code, details = refusal(prediction.Classify, lacking)
    assert code is INVALID
    assert "x" in details


def tasks(examples, *asked):
    request = inference_pb2.MultiInferenceRequest(input=examples(0.25, 0.75))
    for name, signature, method in asked:
        request.tasks.add(model_spec={"name": name, "signature_name": signature}, method_name=method)
    return request


def test_multi_inference_answers_every_task(prediction, examples):
    request = tasks(examples, ("judge", "classify", CLASSIFY), ("judge", "regress", REGRESS))
    first, second = prediction.MultiInference(request, timeout=60).results
    assert first.classification_result.classifications[1].classes[1].label == "yes"
    assert [one.value for one in second.regression_result.regressions] == [0.5, 1.5]
    assert (first.model_spec.signature_name, second.model_spec.signature_name) == ("classify", "regress")
    assert second.model_spec.version.value == 1


@pytest.mark.parametrize(
    ("asked", "code", "text"),
    [
        ([("", "", CLASSIFY)], INVALID, "Found ModelSpec with an empty model name."),
        (
            [("judge", "", CLASSIFY), ("exported", "", CLASSIFY)],
            INVALID,
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ),
        (
            [("judge", "", CLASSIFY), ("judge", "serving_default", REGRESS)],
            INVALID,
            "Duplicate evaluation of signature: serving_default",
        ),
        ([("judge", "x", CLASSIFY)], INVALID, "Requested signature not found in model graph: x"),
        (
            [("judge", "", "tensorflow/serving/predict")],
            grpc.StatusCode.UNIMPLEMENTED,
            "Unsupported signature method_name: tensorflow/serving/predict",
        ),
        ([("nobody", "", CLASSIFY)], grpc.StatusCode.NOT_FOUND, "Servable not found for request: Latest(nobody)"),
        ([], INVALID, "Inference request has no tasks."),
    ],
)
def test_multi_inference_refusals(prediction, refusal, examples, asked, code, text):
    assert refusal(prediction.MultiInference, tasks(examples, *asked)) == (code, text)
