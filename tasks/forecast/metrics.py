"""How each metric that suits forecasts is measured for them: means over rows of what is first a mean over the steps of a row."""

from __future__ import annotations

from stellwerk.metrics import Measure

_FORMULAS = "stellwerk.tasks.forecast.formulas"

MEASURES = {
    "mae": Measure(f"{_FORMULAS}:MAE", "MeanAbsoluteError", usual=1, of_losses="mean"),
    "mse": Measure(f"{_FORMULAS}:MSE", "MeanSquaredError"),
    "rmse": Measure(f"{_FORMULAS}:RMSE", "RootMeanSquaredError", usual=2),
    "mase": Measure(f"{_FORMULAS}:MASE", "", usual=3),
    "smape": Measure(f"{_FORMULAS}:SMAPE", "", usual=4),
    "pinball": Measure(f"{_FORMULAS}:PINBALL", "", usual=5),
}
