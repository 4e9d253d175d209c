"""How each metric that suits targets of several classes is measured for them."""

from __future__ import annotations

from stellwerk.metrics import Measure

_FORMULAS = "stellwerk.tasks.multiclass.formulas"

MEASURES = {
    "auc": Measure(f"{_FORMULAS}:AUC", "AUC", usual=2, average="micro_average"),
    "auc_pr": Measure(f"{_FORMULAS}:AUC_PR", "AUCPrecisionRecall", average="micro_average"),
    "accuracy": Measure(f"{_FORMULAS}:ACCURACY", "SparseCategoricalAccuracy", usual=1, alike="share"),
    "precision": Measure(f"{_FORMULAS}:PRECISION", "Precision", usual=3, average="macro_average"),
    "recall": Measure(f"{_FORMULAS}:RECALL", "Recall", usual=4, average="macro_average"),
    "f1": Measure(f"{_FORMULAS}:F1", "F1Score", usual=5, average="macro_average"),
    "log_loss": Measure(f"{_FORMULAS}:LOG_LOSS", "SparseCategoricalCrossentropy", usual=6, of_losses="mean"),
}
