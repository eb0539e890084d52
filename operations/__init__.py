"""The ways an approved operation runs. The first is a Python function that `assent.yaml` names."""
