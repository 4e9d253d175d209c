"""How each metric that suits binary targets is measured for them."""

from __future__ import annotations

from stellwerk.metrics import Measure

_FORMULAS = "stellwerk.tasks.binary.formulas"

MEASURES = {
    "auc": Measure(f"{_FORMULAS}:AUC", "AUC", usual=1),
    "auc_pr": Measure(f"{_FORMULAS}:AUC_PR", "AUCPrecisionRecall", usual=2),
    "accuracy": Measure(f"{_FORMULAS}:ACCURACY", "BinaryAccuracy", usual=3, threshold="threshold", alike="share"),
    "precision": Measure(f"{_FORMULAS}:PRECISION", "Precision", usual=4, threshold="thresholds"),
    "recall": Measure(f"{_FORMULAS}:RECALL", "Recall", usual=5, threshold="thresholds"),
    "f1": Measure(f"{_FORMULAS}:F1", "F1Score", threshold="thresholds"),
    "log_loss": Measure(f"{_FORMULAS}:LOG_LOSS", "BinaryCrossEntropy", usual=6, of_losses="mean"),
    "calibration": Measure(f"{_FORMULAS}:CALIBRATION", "Calibration", usual=7),
    "mean_prediction": Measure(f"{_FORMULAS}:MEAN_PREDICTION", "MeanPrediction"),
    "mean_label": Measure(f"{_FORMULAS}:MEAN_LABEL", "MeanLabel"),
}
