"""The command line, one module per group of commands.

Errors are one line on standard error, with exit status 2. ``--json`` prints strict JSON.
"""
