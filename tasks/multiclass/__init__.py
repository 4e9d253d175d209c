"""`type: multiclass`: several names; the model gives the probability of each."""
