"""Whether the ports that `assent dev` needs can be had, asked before anything is started."""

from dataclasses import dataclass

from config.errors import PortUnavailableError, StartError
from config.listening import listen_on


@dataclass(frozen=True)
class Port:
    """A port that one of the children will listen on, and the option that chooses another."""

    host: str
    number: int
    option: str

    @property
    def is_free(self) -> bool:
        """Whether nobody listens there."""
        try:
            self.check()
        except PortUnavailableError:
            return False
        return True

    def check(self) -> None:
        """Raise PortUnavailableError with a sentence when the port cannot be had."""
        listen_on(self.host, self.number, option=self.option).close()


def check_that_they_differ(*ports: Port) -> None:
    """Raise StartError when two of `ports` are the same number."""
    for index, port in enumerate(ports):
        for other in ports[:index]:
            if port.number == other.number:
                message = f"{other.option} and {port.option} are both {port.number}: give them different ports."
                raise StartError(message)
