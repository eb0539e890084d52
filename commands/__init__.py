"""The `assent` command's groups, one file each. `cli.py` puts them together.

Each command imports what it needs when it is called, so that `assent --help` answers at once.
"""
