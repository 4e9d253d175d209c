"""The step convert: the trained model in the formats of other runtimes, beside its SavedModel."""
