"""`type: multilabel`: any number of names a row; the model gives the probability of each."""
