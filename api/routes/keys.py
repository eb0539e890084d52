"""Keys: make, list, revoke."""

from fastapi import APIRouter
from pydantic import BaseModel

from api.dependencies import Caller, KeyId, ServicesDep
from api.errors import describe
from assent.models import CreatedKey, Key, NewKey

router = APIRouter(prefix="/v1/keys", tags=["Keys"])


class KeyList(BaseModel):
    """Every key, without secrets."""

    items: list[Key]


@router.post("", status_code=201, summary="Make a key", responses=describe(401, 403, 409, 413, 415, 422, 503))
async def create(wanted: NewKey, caller: Caller, services: ServicesDep) -> CreatedKey:
    """Make a key, with an admin's key. `key` in the answer is shown this once: only its hash is kept."""
    return await services.keys.create(caller, wanted)


@router.get("", summary="List keys", responses=describe(401, 403, 503))
async def all_keys(caller: Caller, services: ServicesDep) -> KeyList:
    """Return every key, revoked ones too, with an admin's or an auditor's key."""
    return KeyList(items=await services.keys.all(caller))


@router.delete("/{key_id}", summary="Revoke a key", responses=describe(401, 403, 404, 422, 503))
async def revoke(key_id: KeyId, caller: Caller, services: ServicesDep) -> Key:
    """Revoke a key at once, with an admin's key.

    What its agent has pending is cancelled; what was approved and has not started is refused.
    """
    return await services.keys.revoke(caller, key_id)
