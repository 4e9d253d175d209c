"""The same job with TFX 1.16 and its LocalDagRunner: python taxi_pipeline.py DATA_FOLDER OUTPUT_FOLDER ROWS.

Prints one line of JSON: when each component began (seconds since 1970), its wall and CPU seconds.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from tfx import v1 as tfx
from tfx.orchestration import metadata
from tfx.orchestration.portable import launcher

logging.disable(logging.INFO)
TRAIN, EVAL, BATCH = 8, 2, 512
COMPONENTS: dict[str, dict[str, float]] = {}


def _timed(launch: Any) -> Any:
    def timed(self: Any) -> Any:
        began, cpu = time.time(), time.process_time()
        result = launch(self)
        name = self._pipeline_node.node_info.id.split(".")[-1]
        COMPONENTS[name] = {"began": began, "wall": time.time() - began, "cpu": time.process_time() - cpu}
        return result

    return timed


def main() -> None:
    data, output, rows = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    launcher.Launcher.launch = _timed(launcher.Launcher.launch)
    split = tfx.proto.Output(
        split_config=tfx.proto.SplitConfig(
            splits=[
                tfx.proto.SplitConfig.Split(name="train", hash_buckets=TRAIN),
                tfx.proto.SplitConfig.Split(name="eval", hash_buckets=EVAL),
            ]
        )
    )
    examples = tfx.components.CsvExampleGen(input_base=data, output_config=split)
    statistics = tfx.components.StatisticsGen(examples=examples.outputs["examples"])
    schema = tfx.components.SchemaGen(statistics=statistics.outputs["statistics"], infer_feature_shape=False)
    anomalies = tfx.components.ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    )
    module = str(Path(__file__).parent / "taxi_module.py")
    transform = tfx.components.Transform(
        examples=examples.outputs["examples"], schema=schema.outputs["schema"], module_file=module
    )
    share = TRAIN / (TRAIN + EVAL)
    trainer = tfx.components.Trainer(
        module_file=module,
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema.outputs["schema"],
        train_args=tfx.proto.TrainArgs(num_steps=max(1, int(rows * share) // BATCH)),
        eval_args=tfx.proto.EvalArgs(num_steps=max(1, int(rows * (1 - share)) // BATCH)),
    )
    config = tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                signature_name="serving_default",
                preprocessing_function_names=["transform_features"],
                label_key="big_tip",
            )
        ],
        slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=["trip_start_hour"])],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(class_name="ExampleCount"),
                    tfma.MetricConfig(
                        class_name="AUC",
                        threshold=tfma.MetricThreshold(
                            value_threshold=tfma.GenericValueThreshold(lower_bound={"value": 0.5})
                        ),
                    ),
                    tfma.MetricConfig(class_name="BinaryAccuracy"),
                ]
            )
        ],
    )
    evaluator = tfx.components.Evaluator(
        examples=examples.outputs["examples"], model=trainer.outputs["model"], eval_config=config
    )
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=str(output / "serving"))
        ),
    )
    pipeline = tfx.dsl.Pipeline(
        pipeline_name="taxi",
        pipeline_root=str(output / "root"),
        components=[examples, statistics, schema, anomalies, transform, trainer, evaluator, pusher],
        metadata_connection_config=metadata.sqlite_metadata_connection_config(str(output / "metadata.db")),
        enable_cache=True,
    )
    output.mkdir(parents=True, exist_ok=True)
    tfx.orchestration.LocalDagRunner().run(pipeline)
    print(json.dumps(COMPONENTS))


if __name__ == "__main__":
    main()
