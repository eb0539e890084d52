"""A small shop on SQLite, with operations that nobody should run unasked.

`parameters.py` says what each operation takes, `operations.py` does it, `store.py` opens the database, `contents.py`
fills it, `files.py` writes the outbox and the exports. `assent.yaml` names them.
"""
