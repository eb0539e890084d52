"""How much is measured."""

from domain.frozen import Frozen


class Options(Frozen):
    """The rounds that count, the approvals of each, and the clients at once.

    `pending` is how many approvals wait at once in the part of that name.
    """

    rounds: int = 7
    approvals: int = 120
    clients: int = 50
    pending: int = 10_000

    @property
    def worth_writing(self) -> bool:
        """Whether it is as much as usual: a quick trial is printed, and not written into the documentation."""
        usual = Options()
        return all(getattr(self, name) >= getattr(usual, name) for name in Options.model_fields)
