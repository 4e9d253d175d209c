"""What a person reads when a spec is wrong: every message, word for word."""

from __future__ import annotations

import pytest

from stellwerk.components.training.encoders.application.networks import NETWORKS
from stellwerk.errors import SpecError
from stellwerk.loading import load

KNOWN_METRICS = (
    "auc, auc_pr, accuracy, precision, recall, f1, f1_macro, hamming_loss, log_loss, calibration, mean_prediction, mean_label, mse, mae, rmse, mase, smape, "
    "pinball, r2, "
    "any TFMA metric by its class name (e.g. MinLabelPosition), or a hook (metrics.py:Class)"
)
KNOWN_ENCODERS = "cnn, application, conv1d, lstm, gru, transformer, embedding, custom"
KNOWN_TYPES = "number, category, boolean, time, text, image, series, cross, custom"

# A line put after the seven of the short spec, and the message.
LINES = [
    # wrong values
    ("train: {epochs: abc}", "train.epochs: must be a whole number. Received: 'abc'."),
    ("train: {epochs: '5'}", "train.epochs: must be a whole number. Received: '5'."),
    ("train: {epochs: 1.5}", "train.epochs: must be a whole number. Received: 1.5."),
    ("train: {epochs: true}", "train.epochs: must be a whole number. Received: true."),
    ("train: {epochs: 0}", "train.epochs: must be at least 1. Received: 0."),
    ("train: {seed: }", "train.seed: must be a whole number. Received: nothing (the key is empty)."),
    ("train: {early_stopping: no}", "train.early_stopping: must be false or a whole number. Received: 'no'."),
    ("train:", "train: must be a section with the keys epochs, batch_size, optimizer, early_stopping, loss, class_weights, rebalance, seed, loop. Received: nothing (the key is empty)."),
    ("train: [1]", "train: must be a section with the keys epochs, batch_size, optimizer, early_stopping, loss, class_weights, rebalance, seed, loop. Received: [1]."),
    ("model: {type: dense, dropout: 1}", "model.dropout: must be less than 1. Received: 1."),
    ("model: {type: dense, dropout: .nan}", "model.dropout: must be a finite number. Received: NaN."),
    ("model: {type: dense, hidden: 64}", "model.hidden: must be a list of whole numbers. Received: 64."),
    ("model: {type: dense, hidden: [64, x]}", "model.hidden[1]: must be a whole number. Received: 'x'."),
    ("model: {type: dense, batch_normalization: yes}", "model.batch_normalization: must be true or false. Received: 'yes'. Write true or false."),
    ("evaluate: {slices: [carrier]}", "evaluate.slices[0]: must be a list of texts. Received: 'carrier'."),
    ("evaluate: {slices: [[]]}", "evaluate.slices[0]: must have at least one entry. Received: []."),
    ("cluster: {image: 1.5}", "cluster.image: must be text. Received: 1.5. Put it in quotes."),
    ("cluster: {image: x, resources: {train: {memory: '16'}}}", "cluster.resources.train.memory: must be a number and a unit, e.g. 16G or 512Mi. Received: '16'."),
    ("model: {build: hook.py}", "model.build: must name a function in a Python file, as features.py:function. Received: 'hook.py'."),
    # unknown keys and words
    ("trian: {}", "trian: unknown key 'trian'. Did you mean 'train'? Known: name, data, validate, features, target, model, train, evaluate, push, hooks, beam, cluster."),
    ("validate_: {}", "validate_: unknown key 'validate_'. Did you mean 'validate'? Known: name, data, validate, features, target, model, train, evaluate, push, hooks, beam, cluster."),
    ("train: {epoch: 5}", "train.epoch: unknown key 'epoch'. Did you mean 'epochs'? Known: epochs, batch_size, optimizer, early_stopping, loss, class_weights, rebalance, seed, loop."),
    ("train: {optimizer: {type: adam, lr: 1}}", "train.optimizer.lr: unknown key 'lr'. Known: type, learning_rate, schedule, weight_decay."),
    ("train: {optimizer: adm}", "train.optimizer: unknown optimizer 'adm'. Did you mean 'adam'? Known: adam, adamw, sgd, rmsprop, adagrad."),
    ("model: {type: den}", "model.type: unknown type 'den'. Did you mean 'dense'? Known: ensemble, dense, wide_deep, attention, custom."),
    ("model: {type: 3}", "model.type: must be one of ensemble, dense, wide_deep, attention, custom. Received: 3."),
    ("model: {hidden: [64]}", "model: the key 'type' is missing. Known: ensemble, dense, wide_deep, attention, custom."),
    ("model: dense", "model: must be a section with the key 'type'. Received: 'dense'. Write {type: dense}."),
    ("cluster: {image: x, resources: {trian: {cpu: 1}}}", "cluster.resources.trian: unknown name 'trian'. Did you mean 'train'? Known: resolve, ingest, validate, transform, train, convert, evaluate, rehearse, push, report."),
    ("evaluate: {metrics: [auk]}", f"evaluate.metrics[0]: unknown metric 'auk'. Did you mean 'auc'? Known: {KNOWN_METRICS}."),
    ("evaluate: {require: {auk: {min: 1}}}", f"evaluate.require.auk: unknown metric 'auk'. Did you mean 'auc'? Known: {KNOWN_METRICS}."),
    # one of several types
    ("train: {class_weights: balance}", "train.class_weights: must be 'balanced' or a section with keys and values. Received: 'balance'. Did you mean 'balanced'?"),
    ("train: {loop: graf}", "train.loop: unknown training loop 'graf'. Did you mean 'graph'? Known: graph, or a function of your own (train.py:fit)."),
    ("train: {loop: 'train.py:'}", "train.loop: must name a function in a Python file, as features.py:function. Received: 'train.py:'."),
    ("train: {loop: epochs_of_mine.py:fit}", "train.loop: there is no file 'epochs_of_mine.py' beside the spec. Write it, or correct the path."),
    ("train: {class_weights: {a: x}}", "train.class_weights.a: must be a number. Received: 'x'."),
    ("model: {build: hook.py:build, parameters: {a: {b: 1}}}", 'model.parameters.a: must be true or false, a whole number, a number, text, a list of whole numbers, a list of numbers or a list of texts. Received: {"b": 1}.'),
    ("train: {loss: fokal}", "train.loss: unknown loss 'fokal'. Did you mean 'focal'? Known: focal."),
    ("train: {loss: {type: focal, gamma: 0}}", "train.loss.gamma: must be greater than 0. Received: 0."),
    ("train: {class_weights: balanced, loss: {type: focal, alpha: 0.9}}", "train.loss.alpha: says what class_weights does. Remove one of them."),
    ("train: {rebalance: over}", "train.rebalance: unknown rebalance 'over'. Known: oversample, undersample."),
    # what does not go together
    ("train: {rebalance: oversample, class_weights: balanced}", "train.rebalance: does what class_weights: balanced does. Remove one of them."),
    ("evaluate: {require: {auc: {}}}", "evaluate.require.auc: a requirement needs at least one of min, max, min_gain, over, per_slice."),
    ("evaluate: {require: {auc: {min: 0.9, max: 0.1}}}", "evaluate.require.auc.min: is above max. Received: min: 0.9, max: 0.1."),
    ("evaluate: {require: {MinLabelPosition: {over: linear}}}", "evaluate.require.MinLabelPosition.over: compares with a baseline, of which only standard metrics are measured: calibration, mean_prediction, mean_label, auc, auc_pr, accuracy, precision, recall, f1, log_loss."),
    ("evaluate: {require: {auc: {per_slice: {min: 0.5}}}}", "evaluate.require.auc.per_slice: asks something of every slice, and there are none. Name columns in evaluate.slices."),
    ("evaluate: {require: {mse: {max: 1}}}", "evaluate.require.mse: 'mse' does not suit a binary target. Known for it: calibration, mean_prediction, mean_label, auc, auc_pr, accuracy, precision, recall, f1, log_loss."),
    ("validate: {skew: {carrier: {l_infinity: 0.1, jensen_shannon: 0.1}}}", "validate.skew.carrier: give exactly one of l_infinity and jensen_shannon."),
    # files
    ("validate: {schema: a/b.pbtxt}", "validate.schema: there is no folder 'a' beside the spec for the schema. Make it, or correct the path."),
    ("validate: {schema: .}", "validate.schema: '.' is a folder. Name a file in it, e.g. ./schema.pbtxt."),
    ("model: {build: hok.py:build}", "model.build: there is no file 'hok.py' beside the spec. Did you mean 'hook.py'? Write it, or correct the path."),
    ("model: {build: hook.py:bild}", "model.build: hook.py has no function or class 'bild'. Did you mean 'build'? It has: build."),
    ("evaluate: {metrics: [hook.py:Nothing]}", "evaluate.metrics[0]: hook.py has no function or class 'Nothing'. It has: build."),
    # YAML
    ("name: again", "name: is written twice, the first time in line 1. Keep one of them."),
    ("train: {epochs: 1", "is not YAML: did not find expected ',' or '}'. The line reads: 'train: {epochs: 1'."),
    ("train: epochs: 1", "is not YAML: mapping values are not allowed in this context. The line reads: 'train: epochs: 1'."),
    ("train: *x", "is not YAML: found undefined alias; a value that begins with * needs quotes. The line reads: 'train: *x'."),
    ("train: 'abc", "is not YAML: found unexpected end of stream. The line reads: \"train: 'abc\"."),
    ("train: !!python/object:os.system {}", "train: the tag '!!python/object:os.system' is not allowed. Write the section without it."),
    ("name: !!binary aGk=", "name: is written twice, the first time in line 1. Keep one of them."),
    ("push: {to: !secret x}", "push.to: the tag '!secret' is not allowed. Write the plain value."),
    ("? [a]\n: b", "a key must be a single word, not a list or a section."),
    ("train: &a {epochs: 2, <<: *a}", "train: an alias (*) stands for the section that it is in. Write it out."),
    ("train: {<<: 3}", "train: << takes a section (*anchor) or a list of sections."),
    ("train: " + "[" * 100_000, f"is nested more than 32 deep. The line reads: 'train: {'[' * 73}'."),
    ("train: {epochs: ${NOT_SET}}", "train.epochs: the environment variable NOT_SET is not set. Set it, or write ${NOT_SET:-default}."),
    ("train: {epochs: '${}'}", "train.epochs: '${}' names no variable. Write ${NAME}, or $${ where ${ itself is meant."),
]  # fmt: skip

# A change of the short spec, the line of the message, and the message.
CHANGES = [
    ("category", "categorie", 6, f"features.carrier.type: unknown type 'categorie'. Did you mean 'category'? Known: {KNOWN_TYPES}."),
    ("{type: number}", "{}", 5, f"features.distance: the key 'type' is missing. Known: {KNOWN_TYPES}."),
    ("{type: number}", "", 5, "features.distance: must be a section with the key 'type'. Received: nothing (the key is empty)."),
    ("{type: number}", "number", 5, "features.distance: must be a section with the key 'type'. Received: 'number'. Write {type: number}."),
    ("{type: number}", "{type: number, missing: meen}", 5, "features.distance.missing: must be 'mean', 'median' or a number. Received: 'meen'. Did you mean 'mean'?"),
    ("{type: number}", "{type: number, buckets: 5}", 5, "features.distance.buckets: belongs to scale: buckets. Received: scale: standard."),
    ("{type: number}", "{type: text, max_tokens: 9}", 5, "features.distance.max_tokens: belongs to encoding: tokens. Received: encoding: bag_of_words."),
    ("{type: number}", "{type: time, parts: [weekdya]}", 5, "features.distance.parts[0]: unknown value 'weekdya'. Did you mean 'weekday'? Known: year, month, day, day_of_year, weekday, hour, minute, second."),
    ("{type: number}", "{type: time, format: hhmm, parts: [hour, weekday]}", 5, "features.distance.parts: format: hhmm holds hour and minute only. Received: weekday."),
    ("{type: number}", "{type: category, hash: 9, oov: 2}", 5, "features.distance.oov: hash keeps no vocabulary. Give either hash or vocabulary, min_count and oov."),
    ("{type: number}", "{type: number, encoder: lstm}", 5, "features.distance.encoder: lstm reads words in order or steps of numbers [steps, channels], and this feature is a number. Take another encoder, or none."),
    ("{type: number}", "{type: text, encoder: {type: gru, units: 8}}", 5, "features.distance.encoder: gru reads words in order or steps of numbers [steps, channels], and this feature is a row of numbers. Say encoding: tokens."),
    ("{type: number}", "{type: text, encoding: tokens, encoder: lsmt}", 5, f"features.distance.encoder: unknown encoder 'lsmt'. Did you mean 'lstm'? Known: {KNOWN_ENCODERS}."),
    ("{type: number}", "{type: text, encoding: tokens, encoder: {type: lsmt}}", 5, f"features.distance.encoder.type: unknown type 'lsmt'. Did you mean 'lstm'? Known: {KNOWN_ENCODERS}."),
    ("{type: number}", "{type: text, encoding: tokens, encoder: {type: lstm, units: 0}}", 5, "features.distance.encoder.units: must be at least 1. Received: 0."),
    ("{type: number}", "{type: text, encoding: tokens, encoder: {type: lstm, unit: 9}}", 5, "features.distance.encoder.unit: unknown key 'unit'. Did you mean 'units'? Known: units, layers, bidirectional, dropout, unroll, type."),
    ("{type: number}", "{type: text, encoding: tokens, encoder: {type: transformer, width: 30}}", 5, "features.distance.encoder.width: must be a multiple of heads, as each has an equal part of it. Received: 30 and 4 heads."),
    ("{type: number}", "{type: image, encoder: {type: application, name: EfficientNet}}", 5, f"features.distance.encoder.name: unknown network of keras.applications. Did you mean 'EfficientNetB7'? Known: {', '.join(NETWORKS)}."),
    ("{type: number}", "{type: image, encoder: {type: application, name: VGG16, trainable: none}}", 5, "features.distance.encoder.trainable: leaves random weights as they are, as there are no others. Name a file with `weights`, or say all. Received: none."),
    ("{type: number}", "{type: image, size: [64, 80], encoder: {type: application, name: Xception}}", 5, "features.distance.encoder: Xception reads pictures of 71 x 71 pixels or more, and these have 64 x 80. Change the feature, or take another encoder."),
    ("{type: number}", "{type: image, encoder: {type: application, name: VGG16, weights: vgg.pkl}}", 5, "features.distance.encoder.weights: must be a file of Keras weights, whose name ends in .weights.h5, .h5 or .keras, or its URI. Received: 'vgg.pkl'."),
    ("{type: number}", "{type: image, encoder: {type: application, name: VGG16, weights: vgg.h5}}", 5, "features.distance.encoder.weights: there is no file 'vgg.h5' beside the spec. Put it there, or correct the path."),
    ("{type: number}", "{type: image, encoder: {type: application, name: VGG16, weights: 'gs://b/vgg.h5'}}", 5, "features.distance.encoder.sha256: is needed for weights at a URI. Give what sha256sum says of the file."),
    ("{type: number}", "{type: image, encoder: {type: application, name: VGG16, weights: 'ftp://b/vgg.h5', sha256: %s}}" % ("a" * 64), 5, "features.distance.encoder.weights: unknown scheme 'ftp'. Known: a path, file://, gs://, s3://, minio://, hdfs://, http://, https://."),
    ("{type: number}", "{type: image, encoder: {type: application, name: VGG16, sha256: %s}}" % ("a" * 64), 5, "features.distance.encoder.sha256: is that of weights, and there are none. Name the file, or remove it."),
    ("{type: number}", "{type: image, encoder: {type: application, name: VGG16, weights: 'gs://b/vgg.h5', sha256: abc}}", 5, "features.distance.encoder.sha256: must be 64 digits and letters a to f, as sha256sum gives them. Received: 'abc'."),
    ("{type: number}", "{type: image, augment: {}}", 5, "features.distance.augment: says nothing. Name one of flip, translate, rotate, zoom, contrast, brightness, noise, randaugment, or leave it out."),
    ("{type: number}", "{type: image, augment: {rotate: 90}}", 5, "features.distance.augment.rotate: must be at most 0.5. Received: 90."),
    ("{type: number}", "{type: number, encoder: hook.py:bild}", 5, "features.distance.encoder.encode: hook.py has no function or class 'bild'. Did you mean 'build'? It has: build."),
    ("{type: number}", "{transform: hook.py:bild}", 5, "features.distance.transform: hook.py has no function or class 'bild'. Did you mean 'build'? It has: build."),
    ("{type: number}", "{transform: hook.py:build, embedding: 2}", 5, "features.distance.embedding: is for ids: give size too, the number of ids, or leave embedding out."),
    ("{type: number}", "{type: cross, columns: [a]}", 5, 'features.distance.columns: must have at least 2 entries. Received: ["a"].'),
    ("distance", "d" * 301, 5, f"features.{'d' * 91}…{'d' * 39}: the name '{'d' * 99}…{'d' * 39}' must be 1 to 300 letters, digits, blanks or signs, without line breaks and tabs."),
    ("distance", "late", 5, "features.late: reads the target column 'late', so the model would be given the answer. Remove the feature or change the target."),
    (", type: binary", "", 7, "target.type: is missing. Add it: binary: two values; multiclass: several names; regression: a quantity; multilabel: any number of names a row; forecast: the next values of a series, with `data.windows` or from lists."),
    ("binary", "binry", 7, "target.type: unknown type 'binry'. Did you mean 'binary'? Known: binary, multiclass, regression, multilabel, forecast."),
    ("binary}", "regression}\ntrain: {loss: focal}", 8, "train.loss: a regression target has no classes. Remove loss."),
    ("binary}", "multiclass}\ntrain: {loss: {type: focal, alpha: 0.2}}", 8, "train.loss.alpha: is for a binary target. Say class_weights for several classes. Received: target.type: multiclass."),
    ("binary", "regression, positive: 1", 7, "target.positive: is for type: binary. Received: type: regression."),
    ("name: flights\n", "", 1, "name: is missing. Add it: Names the runs, the experiment and the served model: lower-case letters, digits and dashes."),
    ("name: flights", "name: Flights", 1, "name: must be lower-case letters, digits and dashes, and begin and end with a letter or a digit. Received: 'Flights'."),
    ("name: flights", "name: 2013", 1, "name: must be text. Received: 2013. Put it in quotes."),
    ("{flights: flights.csv}", "{}", 3, "data.sources: must have at least one entry. Received: {}."),
    ("{flights: flights.csv}", "{flights: [a.csv, 3]}", 3, "data.sources.flights[1]: must be text. Received: 3. Put it in quotes."),
    ("{flights: flights.csv}", "{flights: {path: {}}}", 3, "data.sources.flights.path: must be text or a list of texts. Received: {}."),
    ("{flights: flights.csv}", "{flights: {path: x, format: exel}}", 3, "data.sources.flights.format: unknown format 'exel'. Did you mean 'excel'? Known: csv, parquet, jsonl, avro, orc, tfrecord, excel, coco, images."),
    ("{flights: flights.csv}", "{flights: {path: x, format: orc, delimiter: ;}}", 3, "data.sources.flights.delimiter: is for csv files. Received: format: orc."),
    ("{flights: flights.csv}", "{a: a.csv, b: b.csv}", 3, "data.sources: several sources (a, b) need data.query, the SQL that joins them."),
    ("\nfeatures", "\n  split: {by: hsh}\nfeatures", 4, "data.split.by: unknown value 'hsh'. Did you mean 'hash'? Known: hash, time, column."),
    ("\nfeatures", "\n  split: {key: [a]}\nfeatures", 4, "data.split: the key 'by' is missing. Known: hash, time, column."),
    ("\nfeatures", "\n  split: {by: hash, train: 0.9}\nfeatures", 4, "data.split: train, eval and test must add up to 1. Received: 0.9 + 0.1 + 0.1 = 1.1."),
    ("\nfeatures", "\n  split: {by: time, column: t, eval_from: soon, test_from: 2013-11-01}\nfeatures", 4, "data.split.eval_from: must be a moment (2013-10-01 or 2013-10-01T05:00:00Z) or a number. Received: 'soon'."),
    ("\nfeatures", "\n  split: {by: time, column: t, eval_from: 2013-12-01, test_from: 2013-11-01}\nfeatures", 4, "data.split.eval_from: must be before test_from: eval comes before test."),
    ("\nfeatures", "\n  split: {by: time, column: t, eval_from: 5}\nfeatures", 4, "data.split: eval_from and test_from go together: give both or none."),
    ("\nfeatures", "\n  split: {by: column, column: c, eval: [a, b], test: b}\nfeatures", 4, "data.split.test: 'b' also means eval. A value means one split."),
]  # fmt: skip


def problems(path, *overrides: str) -> str:
    with pytest.raises(SpecError) as caught:
        load(path, overrides)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize(("line", "message"), LINES, ids=[line[:40] for line, _ in LINES])
def test_a_wrong_line_is_told_with_its_number_its_path_and_what_to_do(write_spec, line: str, message: str):
    assert problems(write_spec(line)) == f"p.yaml:8: {message}"


@pytest.mark.parametrize(
    ("old", "new", "number", "message"), CHANGES, ids=[change[1].strip()[:40] for change in CHANGES]
)
def test_a_wrong_change_is_told_at_the_line_of_its_section(write_spec, old: str, new: str, number: int, message: str):
    assert problems(write_spec(change=(old, new))) == f"p.yaml:{number}: {message}"


def test_every_problem_is_reported_at_once_in_the_order_of_the_lines(write_spec):
    more = "train:\n  epochs: x\n  optimizer: sdg\nmodel: {build: nope.py:f}\npush: {}"
    assert problems(write_spec(more, change=("number", "nmber"))).splitlines() == [
        f"p.yaml:5: features.distance.type: unknown type 'nmber'. Did you mean 'number'? Known: {KNOWN_TYPES}.",
        "p.yaml:9: train.epochs: must be a whole number. Received: 'x'.",
        "p.yaml:10: train.optimizer: unknown optimizer 'sdg'. Did you mean 'sgd'? Known: adam, adamw, sgd, rmsprop, adagrad.",
        "p.yaml:11: model.build: there is no file 'nope.py' beside the spec. Write it, or correct the path.",
        "p.yaml:12: push.to: is missing. Add it: Folder, relative to the spec, or `gs://BUCKET/PREFIX` or "
        "`s3://BUCKET/PREFIX`; the model appears as `<to>/<name>/<version>/`, as TensorFlow Serving reads it.",
    ]


def test_every_metric_that_does_not_suit_the_target_is_named(write_spec):
    told = problems(
        write_spec("evaluate: {metrics: [auc, mse, recall], threshold: 0.3}", change=("binary", "regression"))
    )
    assert [line.split(" ")[1] for line in told.splitlines()] == [
        "evaluate.metrics[0]:",
        "evaluate.metrics[2]:",
        "evaluate.threshold:",
    ]


def test_no_word_of_the_machinery_reaches_the_user(write_spec):
    told = "\n".join(problems(write_spec(line)) for line, _ in LINES)
    for jargon in (
        "pydantic",
        "https://",
        "input_type",
        "validation error",
        "Value error",
        "dict[",
        "tuple",
        "Input should",
    ):
        assert jargon not in told


def test_a_hook_file_that_is_not_python_is_told_with_its_own_line(write_spec, tmp_path):
    (tmp_path / "broken.py").write_text("def build(:\n", encoding="utf-8")
    told = problems(write_spec("model: {build: broken.py:build}"))
    assert told == "p.yaml:8: model.build: broken.py:1 is not Python: invalid syntax. Mend the file."


@pytest.mark.parametrize(
    ("takes", "fits"),
    [
        ("model, train, validation, settings", True),
        ("model, *data, settings=None", True),
        ("*everything, **more", True),
        ("model, train, validation", False),
        ("model, train, validation, settings, rate", False),
        ("model, train, validation, settings, *, rate", False),
    ],
)
def test_a_loop_that_cannot_be_called_is_told_with_its_own_line(write_spec, tmp_path, takes, fits):
    (tmp_path / "train.py").write_text(f"import keras\n\ndef fit({takes}): ...\n", encoding="utf-8")
    spec = write_spec("train: {loop: train.py:fit}")
    if fits:
        assert load(spec).spec.train.loop == "train.py:fit"
    else:
        assert problems(spec) == (
            f"p.yaml:8: train.loop: train.py:3: fit takes ({takes}), and is called with (model, train, validation, settings). "
            "Write it so that it can be."
        )


def test_a_hook_is_not_imported_when_it_is_checked(write_spec, tmp_path):
    (tmp_path / "loud.py").write_text("raise SystemExit('imported')\ndef build(): ...\n", encoding="utf-8")
    assert load(write_spec("model: {build: loud.py:build}")).spec.model.type == "custom"
