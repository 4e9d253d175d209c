"""What the steps of a pipeline load, loaded once for all pods of `driver.Backend`."""

import contextlib
import importlib
import os

os.environ["_KFP_RUNTIME"] = "true"
for name in (
    "kfp.dsl.executor_main",
    "duckdb",
    "pyarrow.parquet",
    "tensorflow",
    "keras",
    "tensorflow_data_validation",
    "tensorflow_transform",
    "tensorflow_model_analysis",
    "stellwerk.report.steps",
):
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
