"""Why a process cannot start. Each message is a sentence for the person at the terminal; none is worth a traceback."""


class StartError(Exception):
    """The process cannot start, or cannot go on. `exit_code` is what it ends with."""

    exit_code = 1


class SettingsError(StartError):
    """A setting is missing or wrong: starting again changes nothing until somebody changes the setting."""

    exit_code = 2


class PortUnavailableError(StartError):
    """A port that the process would listen on cannot be had."""


class TemporalUnreachableError(StartError):
    """Temporal does not answer at the configured address."""


class NamespaceError(StartError):
    """The namespace is not as Assent needs it, and could not be made so."""
