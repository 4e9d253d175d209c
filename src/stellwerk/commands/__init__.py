"""The commands of the command line, one module for what belongs together; `stellwerk.__main__` names them all.

Results go to stdout, everything else to stderr. Nothing heavy is imported before a command runs.
"""
