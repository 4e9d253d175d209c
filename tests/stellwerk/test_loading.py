"""A spec is read as YAML 1.2, with the line of everything, and nothing in it can harm."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from stellwerk.errors import SpecError, UsageError
from stellwerk.kinds.number.keys import Number
from stellwerk.loading import load
from stellwerk.loading.parsing import parse_value


def told(path: Path, *overrides: str) -> str:
    with pytest.raises(SpecError) as caught:
        load(path, overrides)
    return str(caught.value)


def test_a_loaded_spec_is_typed_and_knows_its_folder_and_text(write_spec, tmp_path, spec_text):
    loaded = load(write_spec())
    assert loaded.spec.features["distance"] == Number(type="number")
    assert (loaded.path, loaded.directory) == (Path("p.yaml"), tmp_path)
    assert loaded.text == spec_text + "\n"


def test_every_key_has_its_line_and_a_missing_one_that_of_its_section(write_spec):
    loaded = load(write_spec("evaluate:\n  slices:\n    - [carrier]\n    - [distance]"))
    assert loaded.where("features", "carrier", "type") == ("p.yaml", 6)
    assert loaded.where("features", "carrier", "oov") == ("p.yaml", 6)
    assert loaded.where("evaluate", "slices", 1) == ("p.yaml", 11)
    assert loaded.where("train", "epochs") == ("p.yaml", 1)
    assert str(loaded.problem(("evaluate", "slices", 1, 0), "no.")) == "p.yaml:11: evaluate.slices[1][0]: no."


def test_a_loaded_spec_can_be_sent_to_another_process(write_spec):
    loaded = load(write_spec())
    assert pickle.loads(pickle.dumps(loaded)) == loaded


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("10:30", "10:30"),
        ("1e-3", 0.001),
        ("-1.5E+2", -150.0),
        (".5", 0.5),
        ("0x1f", 31),
        ("0o17", 15),
        ("017", 17),
        ("1_000", "1_000"),
        ("2013-01-01", "2013-01-01"),
        ("~", None),
        ("", None),
        ("-.inf", float("-inf")),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("=", "="),
        ("9" * 500, "9" * 500),
        ("[NO, {a: 1}]", ["NO", {"a": 1}]),
    ],
)
def test_scalars_are_those_of_yaml_1_2(written: str, value: object):
    found = parse_value(written, {}).value(("value",))
    assert found == value
    assert type(found) is type(value)


def test_keys_are_the_texts_that_are_written(write_spec):
    loaded = load(write_spec("train: {class_weights: {no: 1, 1: 2, 1.0: 3, true: 4}}"))
    assert loaded.spec.train.class_weights == {"no": 1, "1": 2, "1.0": 3, "true": 4}


def test_anchors_and_merge_keys_save_repetition_and_own_keys_win(write_spec):
    more = (
        "validate:\n  skew: {a: &limit {l_infinity: 0.1}, b: *limit}\n"
        "train: {batch_size: 8, <<: {batch_size: 1, epochs: 3}, seed: 7}"
    )
    loaded = load(write_spec(more))
    assert loaded.spec.validate_.skew["b"].l_infinity == 0.1
    assert (loaded.spec.train.batch_size, loaded.spec.train.epochs, loaded.spec.train.seed) == (8, 3, 7)


def test_of_several_merged_sections_the_first_wins(write_spec):
    loaded = load(write_spec("train:\n  <<: [{epochs: 2}, {epochs: 3, seed: 4}]"))
    assert (loaded.spec.train.epochs, loaded.spec.train.seed) == (2, 4)


def test_a_problem_in_an_anchor_is_told_where_it_is_written(write_spec):
    more = "train: &t\n  epochs: x\nvalidate: {skew: {}}"
    assert told(write_spec(more)) == "p.yaml:9: train.epochs: must be a whole number. Received: 'x'."


def test_an_alias_bomb_is_refused_quickly(write_spec):
    lines = ["a0: &a0 [1, 1]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    assert "has more than 50,000 values once its aliases (*) are written out." in told(write_spec("\n".join(lines)))


@pytest.mark.parametrize("closed", [True, False])
def test_deep_nesting_is_refused_and_does_not_overflow_the_stack(write_spec, closed: bool):
    text = "train: " + "[" * 400_000 + "]" * 400_000 * closed
    assert "p.yaml:8: is nested more than 32 deep." in told(write_spec(text))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "p.yaml: is empty. A spec has at least name, data, features and target."),
        (b"# nothing\n", "p.yaml: is empty. A spec has at least name, data, features and target."),
        (b"~\n", "p.yaml: is empty. A spec has at least name, data, features and target."),
        (b"- a\n", "p.yaml:1: a spec is made of keys and values (name: ..., data: ...). The line reads: '- a'."),
        (b"name\n", "p.yaml:1: a spec is made of keys and values (name: ..., data: ...). The line reads: 'name'."),
        (b"a: 1\n---\nb: 2\n", "p.yaml:3: a second document begins here (---). A spec is one document; put the other in a file of its own."),
        (b"a: 1\nb: \xff\n", "p.yaml:2: is not UTF-8: byte 0xff cannot be read. Save the file as UTF-8."),
        ("name: x\n".encode("utf-16"), "p.yaml:1: is not UTF-8: byte 0xff cannot be read. Save the file as UTF-8."),
        (b"a: 1\nb: \x00\n", "p.yaml:2: holds a control character. Remove it. The line reads: 'b: \\x00'."),
        (b"a:\n\tb: 1\n", "p.yaml:2: is indented with a tab. YAML allows only blanks. The line reads: 'b: 1'."),
        (b"a: 1\n" * 250_000, "p.yaml: has 1,250,000 bytes; a spec has at most 1,048,576. Is it a data file?"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_spec_is_told_in_one_sentence(write_spec, content: bytes, message: str):
    assert told(write_spec(whole=content)) == message


def test_a_byte_order_mark_and_windows_line_ends_are_fine(write_spec, spec_text):
    loaded = load(write_spec(whole=b"\xef\xbb\xbf" + spec_text.replace("\n", "\r\n").encode()))
    assert loaded.where("target") == ("p.yaml", 7)


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    assert (
        told(tmp_path / "p.yaml") == f"{tmp_path}/p.yaml: there is no such file. Check the path, or write a spec there."
    )
    assert told(tmp_path) == f"{tmp_path}: is a folder. Name the spec in it, e.g. {tmp_path}/pipeline.yaml."


class TestVariables:
    def test_a_variable_takes_the_type_that_its_value_has_where_it_is_written(self, write_spec, monkeypatch):
        monkeypatch.setenv("EPOCHS", "7")
        assert load(write_spec("train: {epochs: ${EPOCHS}}")).spec.train.epochs == 7
        assert load(write_spec('push: {to: "${EPOCHS}"}')).spec.push.to == "7"

    def test_a_default_is_taken_where_the_variable_is_unset_or_empty(self, write_spec, monkeypatch):
        monkeypatch.setenv("EMPTY", "")
        loaded = load(write_spec("train: {epochs: ${NOT_SET:-3}, batch_size: ${EMPTY:-4}}\npush: {to: a${EMPTY}b}"))
        assert (loaded.spec.train.epochs, loaded.spec.train.batch_size, loaded.spec.push.to) == (3, 4, "ab")

    def test_a_default_may_hold_signs_that_mean_something_in_yaml(self, write_spec):
        loaded = load(write_spec("push: {to: ${NOT_SET:-s3://bucket/a, b: [c] # d}/e}"))
        assert loaded.spec.push.to == "s3://bucket/a, b: [c] # d/e"

    def test_two_dollars_stand_for_one(self, write_spec):
        assert load(write_spec("push: {to: a$${b}c}")).spec.push.to == "a${b}c"

    def test_a_value_from_the_environment_is_never_printed(self, write_spec, monkeypatch):
        monkeypatch.setenv("SECRET", "hunter2")
        for line, message in (
            ("train: {epochs: ${SECRET}}", "train.epochs: must be a whole number. Received: the value of ${SECRET}."),
            ("train: {optimizer: ${SECRET}}", "train.optimizer: must be one of adam, adamw, sgd, rmsprop, adagrad. Received: the value of ${SECRET}."),
            ("train: {epochs: [${SECRET}]}", 'train.epochs: must be a whole number. Received: ["${SECRET}"].'),
            ("model: {build: '${SECRET}.py:f'}", "model.build: there is no file '${SECRET}.py' beside the spec. Write it, or correct the path."),
            ("model: {type: '${SECRET}'}", "model.type: must be one of ensemble, dense, wide_deep, attention, custom. Received: the value of ${SECRET}."),
        ):  # fmt: skip
            assert told(write_spec(line)) == f"p.yaml:8: {message}"
        loaded = load(write_spec("push: {to: /x/${SECRET}}"))
        assert loaded.spec.push.to == "/x/hunter2"
        assert "hunter2" not in str(loaded.problem(("push", "to"), "cannot write /x/hunter2."))
        assert "hunter2" not in loaded.text


class TestOverrides:
    def test_one_value_is_changed_and_its_type_is_that_of_yaml(self, write_spec):
        loaded = load(
            write_spec("train: {epochs: 9}\nevaluate: {slices: [[carrier], [distance]]}"),
            ["train.epochs=1", "evaluate.slices.1=[carrier, distance]", "model={type: dense}", "push.to=a=b"],
        )
        assert loaded.spec.train.epochs == 1
        assert loaded.spec.evaluate.slices == (("carrier",), ("carrier", "distance"))
        assert loaded.spec.push.to == "a=b"

    @pytest.mark.parametrize(
        ("override", "message"),
        [
            ("train.epochs=x", "--set train.epochs: must be a whole number. Received: 'x'."),
            ("train.epoch=1", "--set train.epoch: unknown key 'epoch'. Did you mean 'epochs'? Known: epochs, batch_size, optimizer, early_stopping, loss, class_weights, rebalance, seed, loop."),
            ("train={epochs: x}", "--set train: train.epochs: must be a whole number. Received: 'x'."),
            ("features.carrier.type=categry", f"--set features.carrier.type: unknown type 'categry'. Did you mean 'category'? Known: {'number, category, boolean, time, text, image, series, cross, custom'}."),
            ("name=", "--set name: must be text. Received: nothing (the key is empty)."),
            ("train={epochs: 1", "--set train: the value: is not YAML: did not find expected ',' or '}'. The line reads: '{epochs: 1'."),
            ("train.epochs=${NOT_SET}", "--set train.epochs: the value: the environment variable NOT_SET is not set. Set it, or write ${NOT_SET:-default}."),
            ("name.x=1", "--set name.x: name is no section but a single value. Set it whole: --set name=VALUE."),
            ("evaluate.slices.3=[a]", "--set evaluate.slices.3: evaluate.slices is a list of 1: go on with the position of an item, from 0, or set it whole."),
        ],
    )  # fmt: skip
    def test_a_wrong_one_is_told_with_the_words_of_the_command_line(self, write_spec, override: str, message: str):
        assert told(write_spec("evaluate: {slices: [[carrier]]}"), override) == message

    @pytest.mark.parametrize("override", ["train.epochs", "=1", ".=1", "a..b=1"])
    def test_one_without_key_and_value_is_a_wrong_command_line(self, write_spec, override: str):
        with pytest.raises(UsageError, match=r"^--set takes KEY=VALUE, e\.g\. --set train\.epochs=1\. Received: "):
            load(write_spec(), [override])

    def test_a_variable_in_one_is_replaced_and_never_printed(self, write_spec, monkeypatch):
        monkeypatch.setenv("SECRET", "hunter2")
        loaded = load(write_spec(), ["push={to: /x/${SECRET}}"])
        assert loaded.spec.push.to == "/x/hunter2"
        assert (
            str(loaded.problem(("push", "to"), "/x/hunter2 is full.")) == "--set push: push.to: /x/${SECRET} is full."
        )

    def test_a_wrong_value_of_the_file_may_be_mended_by_one(self, write_spec):
        assert load(write_spec("train: {epochs: x}"), ["train.epochs=2"]).spec.train.epochs == 2


def test_loading_needs_pydantic_and_yaml_only():
    code = (
        "import sys, stellwerk.loading; "
        "print([name for name in ('numpy', 'pyarrow', 'duckdb', 'kfp', 'pandas', 'tensorflow') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "[]"


def test_what_a_signed_address_is_signed_with_is_shown_nowhere(write_spec):
    address = "https://store.example/a.csv"
    loaded = load(write_spec(change=("flights.csv", f"'{address}?X-Amz-Signature=secret&x=1'")))
    assert f"{address}?…" in loaded.text
    assert "secret" not in loaded.text
    assert loaded.spec.data.sources["flights"].paths == (f"{address}?X-Amz-Signature=secret&x=1",)
