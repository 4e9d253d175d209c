"""Sources of which each file is a row: which files they are, their bytes in standard form, and the columns that are made of them."""
