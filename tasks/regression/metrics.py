"""How each metric that suits targets that are quantities is measured for them."""

from __future__ import annotations

from stellwerk.metrics import Measure

_FORMULAS = "stellwerk.tasks.regression.formulas"

MEASURES = {
    "calibration": Measure(f"{_FORMULAS}:CALIBRATION", "Calibration", usual=4),
    "mean_prediction": Measure(f"{_FORMULAS}:MEAN_PREDICTION", "MeanPrediction"),
    "mean_label": Measure(f"{_FORMULAS}:MEAN_LABEL", "MeanLabel"),
    "mse": Measure(f"{_FORMULAS}:MSE", "MeanSquaredError", alike="spread"),
    "mae": Measure(f"{_FORMULAS}:MAE", "MeanAbsoluteError", usual=2),
    "rmse": Measure(f"{_FORMULAS}:RMSE", "RootMeanSquaredError", usual=1, of_losses="root", alike="deviation"),
    "r2": Measure(f"{_FORMULAS}:R2", "R2Score", usual=3),
}
