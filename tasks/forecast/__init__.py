"""`type: forecast`: the next values of a series."""
