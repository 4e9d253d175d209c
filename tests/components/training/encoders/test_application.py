"""A network of keras.applications answers as Keras' own does, with the weights of a file or none, and learns as far as the spec says."""

from __future__ import annotations

import hashlib
import json
import math
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_digits

from stellwerk.components.conversion import converter
from stellwerk.components.conversion.network import Network
from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.encoders.application import build
from stellwerk.components.training.encoders.application.keys import Application
from stellwerk.components.training.encoders.application.networks import NETWORKS
from stellwerk.components.training.weights import with_weights
from stellwerk.encoders.choosing import Encoding
from stellwerk.errors import DataError, StepFailed
from stellwerk.serving.runtimes import Variant

SMALL = "MobileNetV3Small"
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 36, 34, 3)).astype(np.uint8)


def _floats() -> np.ndarray[Any, Any]:
    """The pixels anew: Keras prepares arrays in place."""
    return PIXELS.astype(np.float32)


def _photo(channels: int = 3, pixels: tuple[int, int] = (36, 34)) -> ModelInput:
    return ModelInput("photo", "tensor", facts={"shape": [*pixels, channels], "dtype": "uint8"}, feature="photo")


def _model(channels: int = 3, **said: Any) -> Any:
    item = _photo(channels)
    given = keras.Input(item.shape, dtype=item.dtype, name="photo")
    settings = Application.model_validate({"type": "application", **said})
    return keras.Model(given, build.encode(settings, [item], {"photo": given}, {}))


def _own(name: str, weights: str | None = None) -> Any:
    """Keras' own, whose normalisation has seen pictures, as that of a network that has learned."""
    keras.utils.set_random_seed(0)
    network = getattr(keras.applications, name)(
        include_top=False, weights=weights, input_shape=PIXELS.shape[1:], pooling="avg"
    )
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network(getattr(keras.applications, NETWORKS[name].module).preprocess_input(_floats()), training=True)
    return network


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A small network in the three formats, and one more of its class."""
    folder, network = tmp_path_factory.mktemp("weights"), _own(SMALL)
    network.save_weights(folder / "small.weights.h5")
    network.save(folder / "small.keras")
    _own("MobileNet").save_weights(folder / "other.weights.h5")
    (folder / "broken.weights.h5").write_bytes((folder / "small.weights.h5").read_bytes()[:5000])
    return folder, network


def test_the_table_has_what_keras_has():
    has = {name for name in dir(keras.applications) if name[0].isupper()}
    assert set(NETWORKS) == has
    modules = {known.module for known in NETWORKS.values()}
    assert all(hasattr(getattr(keras.applications, module), "preprocess_input") for module in modules)


@pytest.mark.parametrize("name", ["MobileNetV2", "VGG16"])
def test_the_table_says_what_the_layers_do(name):
    network = getattr(keras.applications, name)(
        include_top=False, weights=None, input_shape=(224, 224, 3), pooling="avg"
    )
    kernels = [
        (layer, getattr(layer, "kernel", None)) for layer in network.layers if isinstance(layer, keras.layers.Conv2D)
    ]
    kernels += [(one, one.kernel) for one in network.layers if isinstance(one, keras.layers.DepthwiseConv2D)]
    products = sum(math.prod(layer.output.shape[1:3]) * math.prod(kernel.shape) for layer, kernel in kernels)
    by_batch = any(isinstance(layer, keras.layers.BatchNormalization) for layer in network.layers)
    known = NETWORKS[name]
    assert (known.width, known.products, known.by_batch) == (network.output.shape[1], round(products / 1e6), by_batch)
    cost = build.cost(Application(type="application", name=name), [_photo(pixels=(112, 112))])
    assert cost.products == pytest.approx(products / 4, rel=1e-2)
    assert cost.whole_batches == by_batch


@pytest.mark.parametrize("name", ["MobileNet", "VGG16", "DenseNet121", SMALL])
def test_pixels_are_prepared_and_weights_are_those_of_the_file(name, tmp_path):
    """Of four ways to prepare them: -1 to 1, differences from means, deviations, and inside the network."""
    own, module = _own(name), getattr(keras.applications, NETWORKS[name].module)
    own.save_weights(tmp_path / "own.weights.h5")
    wanted = own(module.preprocess_input(_floats())).numpy()
    made = _model(name=name, weights=str(tmp_path / "own.weights.h5"))
    assert np.allclose(made(PIXELS).numpy(), wanted, atol=1e-5, rtol=1e-4)
    assert np.ptp(wanted) > 1e-3


def test_the_published_weights_of_efficientnet_answer_as_keras_has_them(tmp_path, monkeypatch):
    """Keras has a layer more for weights that it has downloaded: what it takes for variances are deviations."""
    file = tmp_path / "b0_notop.h5"
    published = keras.applications.EfficientNetB0(include_top=False, weights=None)
    normalising = next(one for one in published.layers if isinstance(one, keras.layers.Normalization))
    normalising.set_weights([np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), np.array(0)])
    published.save_weights(tmp_path / "begun.weights.h5")
    monkeypatch.setattr(
        "keras.src.applications.efficientnet.file_utils.get_file", lambda *_, **__: tmp_path / "begun.weights.h5"
    )
    known = _own("EfficientNetB0", weights="imagenet")
    known.save(file)
    assert np.allclose(_model(name="EfficientNetB0", weights=str(file))(PIXELS), known(_floats()), rtol=1e-2, atol=0.05)
    assert np.ptp(known(_floats())) > 0.1


def test_a_file_may_be_of_either_format(saved):
    folder, own = saved
    wanted = own(_floats()).numpy()
    for file in ("small.weights.h5", "small.keras"):
        assert np.array_equal(_model(name=SMALL, weights=str(folder / file))(PIXELS).numpy(), wanted)


def test_a_grey_picture_is_one_in_colours(saved):
    folder, own = saved
    grey = PIXELS[..., :1]
    made = _model(1, name=SMALL, weights=str(folder / "small.weights.h5"))
    assert np.array_equal(made(grey).numpy(), own(np.repeat(grey, 3, axis=3).astype(np.float32)).numpy())


@pytest.mark.parametrize("file", ["other.weights.h5", "broken.weights.h5"])
def test_weights_of_another_network_are_one_sentence(saved, file):
    with pytest.raises(StepFailed) as told:
        _model(name=SMALL, weights=str(saved[0] / file))
    assert str(told.value).startswith(
        f"features.photo.encoder.weights: {file} does not fit MobileNetV3Small without its last layer: "
    )
    assert "keras.applications.MobileNetV3Small(include_top=False).save_weights(...)" in str(told.value)
    assert len(str(told.value)) < 500


@pytest.mark.parametrize(("trainable", "learning"), [("none", 0), (3, 5), ("all", 138), (None, 0)])
def test_what_does_not_learn_stays_as_it_is(saved, trainable, learning):
    """Batch normalisation too: what is frozen takes no notice of the batches."""
    made = _model(name=SMALL, weights=str(saved[0] / "small.weights.h5"), trainable=trainable)
    assert len(made.trainable_variables) == learning
    before = made.get_weights()
    model = keras.Sequential([made, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(PIXELS, np.ones((3, 1)), verbose=0)
    moved = sum(not np.array_equal(*pair) for pair in zip(before, made.get_weights(), strict=True))
    assert {"none": moved == 0, None: moved == 0, 3: 0 < moved <= 9, "all": moved > 138}[trainable]


@pytest.fixture(scope="module")
def digits(prepare):
    """Zeros and ones of scikit-learn's digits, as pictures of 32 x 32."""
    found = load_digits(n_class=2)
    source = "import tensorflow as tf\ndef picture(columns):\n    pixels = tf.io.decode_raw(columns['pixels'], tf.uint8, fixed_length=64)\n    return tf.repeat(tf.repeat(tf.reshape((tf.maximum(pixels, 65) - 65) * 15, [-1, 8, 8, 1]), 4, 1), 4, 2)\n"
    table = pa.table(
        {"pixels": ["".join(chr(65 + int(one)) for one in row) for row in found.data], "one": found.target.astype(int)}
    )
    rows = np.arange(len(found.target)) % 4
    splits = {
        name: table.filter(pa.array(np.isin(rows, part)))
        for name, part in {"train": (0, 1), "eval": (2,), "test": (3,)}.items()
    }
    features = {"photo": {"transform": "features.py:picture", "columns": ["pixels"]}}
    return prepare(features, {"column": "one", "type": "binary"}, hooks={"features.py": source}, **splits)


@pytest.fixture(scope="module")
def learned(digits, run_train, saved):
    """What a last layer has learned of a network with the weights of a file."""
    file = saved[0] / "small.weights.h5"
    encoder = {"type": "application", "name": SMALL, "weights": str(file), "sha256": _sha256(file)}
    encoding = {"photo": {"encoder": encoder}}
    return run_train(
        digits, {"type": "dense", "hidden": []}, encoding=encoding, epochs=12, batch_size=16, optimizer="adam"
    )


def _sha256(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_last_layer_learns_from_weights_of_a_file(learned, saved):
    assert max(epoch["eval_auc"] for epoch in learned.history["epochs"]) > 0.9
    said = learned.about["hyperparameters"]["encoding"]["photo"]["encoder"]
    assert said["sha256"] == _sha256(saved[0] / "small.weights.h5")
    kept = {array.tobytes() for array in learned.weights()}
    assert all(array.tobytes() in kept for array in saved[1].get_weights()), "the model has them as they were"
    assert learned.history["parameters"] == 577


def test_other_runtimes_answer_alike(learned, digits, tmp_path):
    events = tmp_path / "events.jsonl"
    converter.main(str(learned.model), str(digits.transformed), str(tmp_path), str(events), "litert", "onnx")
    assert [json.loads(line) for line in events.read_text().splitlines()] == [{"done": "litert"}, {"done": "onnx"}]
    network = Network(learned.model, digits.transformed)
    rows = {name: np.concatenate([row[name] for row in network.rows()]) for name in network.specs}
    wanted = network.answer(rows)["probabilities"].numpy()
    for format_name in ("litert", "onnx"):
        with Variant(tmp_path / format_name) as variant:
            assert np.allclose(variant.predict(rows)["probabilities"], wanted, atol=1e-4), format_name


def _said(**encoder: Any) -> dict[str, Encoding]:
    said = {"type": "application", "name": SMALL, **encoder}
    return {"photo": Encoding.model_validate({"encoder": said}), "other": Encoding()}


def test_a_file_is_found_from_the_folder_of_the_spec_and_proved(saved):
    folder, _ = saved
    digest = _sha256(folder / "small.weights.h5")
    found = with_weights(_said(weights="small.weights.h5", sha256=digest), folder)
    assert found["photo"].encoder.weights == str(folder / "small.weights.h5")
    with pytest.raises(DataError) as told:
        with_weights(_said(weights="other.weights.h5", sha256=digest), folder)
    assert str(told.value).startswith("features.photo.encoder.weights: other.weights.h5 has the SHA-256 ")
    assert f"and the spec means {digest}. Take the file that is meant" in str(told.value)
    with pytest.raises(DataError, match=r"encoder\.weights: gone\.h5 cannot be read: No such file or directory\."):
        with_weights(_said(weights="gone.h5", sha256=digest), folder)


@pytest.fixture
def served(saved):
    """The URI of a web server over the folder of the files."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(saved[0]))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_object_is_copied_once(served, saved, tmp_path):
    folder, _ = saved
    digest = _sha256(folder / "small.weights.h5")
    said = _said(weights=f"{served}/small.weights.h5", sha256=digest)
    file = with_weights(said, None, tmp_path)["photo"].encoder.weights
    assert file == with_weights(said, None, tmp_path)["photo"].encoder.weights
    assert _sha256(tmp_path / file) == digest
    wrong = _said(weights=f"{served}/other.weights.h5", sha256=digest)
    with pytest.raises(DataError, match=f"has the SHA-256 [0-9a-f]+, and the spec means {digest}"):
        with_weights(wrong, None, tmp_path / "anew")
    with pytest.raises(DataError, match="cannot be read"):
        with_weights(_said(weights=f"{served}/none.h5", sha256=digest), None, tmp_path)
