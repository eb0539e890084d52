"""The base of every model that the rules, the workflow and the store exchange."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Immutable. Open workflows hold such models: fields are only ever added, last, with a default."""

    model_config = ConfigDict(frozen=True, extra="ignore")
