"""An IR file that somebody edited is refused with the line and what is wrong, before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from stellwerk.errors import UsageError
from stellwerk.pipelines.kubeflow.reading import read_documents, read_ir

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("golden", sorted(GOLDEN.glob("*.kfp-*.yaml")), ids=lambda path: path.name)
def test_what_was_compiled_is_read(golden: Path):
    assert read_ir(golden)["pipelineInfo"]["name"] == "flight-delays"
    assert len(read_documents(golden)) == (2 if golden.name.startswith("cluster") else 1)


@pytest.mark.parametrize(
    ("written", "edited", "message"),
    [
        (
            "outputArtifactKey: examples",
            "outputArtifactKey: exampels",
            r":\d+: root\.dag\.tasks\.evaluate\.inputs\.artifacts\.examples: "
            r"there is no output of ingest 'exampels'\. Did you mean 'examples'\?",
        ),
        ("producerTask: train", "producerTask: trian", "there is no task 'trian'. Did you mean 'train'?"),
        (
            "executorLabel: exec-train",
            "executorLabel: x",
            "components.comp-train.executorLabel: there is no executor 'x'",
        ),
        (
            "name: comp-train\n",
            "name: comp-trains\n",
            "there is no component 'comp-trains'. Did you mean 'comp-train'?",
        ),
        (
            "componentInputParameter: epochs",
            "componentInputParameter: epoch",
            "there is no input of the pipeline 'epoch'",
        ),
        ("defaultValue: 5.0", "defaultValue: five", "epochs.defaultValue: is no NUMBER_INTEGER. Received: 'five'."),
        ("defaultValue: 5.0", "defaultValue: 5.5", "epochs.defaultValue: is no NUMBER_INTEGER. Received: 5.5."),
        ("\n        image: registry.example/stellwerk:0.1.0\n", "\n", "exec-evaluate: has no image."),
        ("\nroot:", "\nroots:", 'has no field named "roots"'),
        ("parameterType: STRUCT", "parameterType: STRCT", "Invalid enum value STRCT"),
        ("schemaVersion: 2.1.0\nsdk", "sdk", "has no 'schemaVersion'"),
        ("schemaVersion: 2.1.0\nsdk", "schemaVersion: [\nsdk", r"is no YAML"),
        ("pipelineInfo:", "info:", "it has no pipelineInfo.name. Compile the spec again."),
        (
            "producerTask: ingest\n",
            "producerTask: evaluate\n",
            "dag.tasks: go in a circle: evaluate → evaluate",
        ),
        ("        exec-evaluate:\n          configMap", "        exec-e:\n          configMap", "no executor 'exec-e'"),
        ("\nplatforms:", "\nplatform:", "has a second document that is no platform spec"),
    ],
)
def test_an_edit_that_breaks_it_is_named(written: str, edited: str, message: str, tmp_path):
    text = (GOLDEN / "cluster.kfp-2.17.yaml").read_text(encoding="utf-8")
    assert written in text
    (tmp_path / "ir.yaml").write_text(text.replace(written, edited, 1), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_ir(tmp_path / "ir.yaml")
    said = str(caught.value)
    if message.startswith(":"):
        assert caught.match(message)
    else:
        assert message in said
    assert said.endswith("Compile the spec again.")
    assert all(line.startswith(str(tmp_path / "ir.yaml")) for line in said.splitlines())


def test_an_input_that_is_missing_or_too_many_is_named(tmp_path):
    text = (GOLDEN / "flight-delays.kfp-2.13.yaml").read_text(encoding="utf-8")
    for written, edited, message in (
        ("            blessing:\n              taskOutputArtifact", "            rows:\n              taskOutputArtifact", "lacks 'blessing', which the step needs"),
        ("            examples:\n              taskOutputArtifact", "            rows:\n              taskOutputArtifact", "there is no input 'rows'"),
    ):  # fmt: skip
        assert written in text
        (tmp_path / "ir.yaml").write_text(text.replace(written, edited, 1), encoding="utf-8")
        with pytest.raises(UsageError) as caught:
            read_ir(tmp_path / "ir.yaml")
        assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no compiled pipeline: it must hold one or two YAML documents"),
        ("- 1\n", "is no compiled pipeline: it must hold one or two YAML documents"),
        ("kind: Pipeline\n---\nkind: PipelineVersion\n", "holds Kubernetes objects, which `kubectl apply` takes"),
        ("a: \x00\n", "is no YAML"),
    ],
)
def test_a_file_that_is_no_ir_is_refused(text: str, message: str, tmp_path):
    (tmp_path / "ir.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message) as caught:
        read_ir(tmp_path / "ir.yaml")
    assert caught.value.exit_code == 2
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_ir(tmp_path / "nothing.yaml")
