"""`encoder: file.py:function`: `keys` has its section of the spec, `build` calls the function."""
