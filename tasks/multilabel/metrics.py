"""How each metric that suits targets of several labels a row is measured for them."""

from __future__ import annotations

from stellwerk.metrics import Measure

_FORMULAS = "stellwerk.tasks.multilabel.formulas"

MEASURES = {
    "auc": Measure(f"{_FORMULAS}:AUC", "AUC", usual=2, average="macro_average"),
    "auc_pr": Measure(f"{_FORMULAS}:AUC_PR", "AUCPrecisionRecall", average="macro_average"),
    "accuracy": Measure(f"{_FORMULAS}:ACCURACY", "", usual=6),
    "precision": Measure(
        f"{_FORMULAS}:PRECISION", "Precision", usual=4, average="micro_average", threshold="thresholds"
    ),
    "recall": Measure(f"{_FORMULAS}:RECALL", "Recall", usual=5, average="micro_average", threshold="thresholds"),
    "f1": Measure(f"{_FORMULAS}:F1", "F1Score", usual=1, average="micro_average", threshold="thresholds"),
    "f1_macro": Measure(f"{_FORMULAS}:F1_MACRO", "F1Score", usual=3, average="macro_average", threshold="thresholds"),
    "hamming_loss": Measure(f"{_FORMULAS}:HAMMING_LOSS", "", usual=7),
    "log_loss": Measure(f"{_FORMULAS}:LOG_LOSS", "BinaryCrossentropy", usual=8, of_losses="mean"),
}
