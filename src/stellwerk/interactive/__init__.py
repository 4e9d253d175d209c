"""Stellwerk from Python and in notebooks: every function takes a path or a loaded spec, tables stand for files, results show themselves.

`specs.py` says what is taken for a spec, `tables.py` what for a table; `running.py` runs, `results.py` is what came of it,
`pages.py` how it looks in a cell, `watching.py` what is seen meanwhile. Nothing here is needed on the command line or a cluster.
"""
