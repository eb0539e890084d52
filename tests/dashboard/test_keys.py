"""Keys, as an admin makes and revokes them in the dashboard."""

import re

import httpx2
import pytest

from assent.models import NewKey, Role
from tests.api.answers import shown
from tests.dashboard.visitors import Enter, row, secret_on, text_of
from tests.support.eventually import eventually
from tests.support.stack import Stack
from tests.support.team import ADMIN, AUDITOR, REVIEWER

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRITTEN = re.compile(r"asn_[0-9a-f]{16}_[A-Za-z0-9_-]{43}")


async def test_a_keys_secret_is_shown_once(served: Stack, enter: Enter) -> None:
    """The answer to the form has it, the key works, and no page has the secret again."""
    admin = await enter(ADMIN)
    made = await admin.post("/keys", data={"name": " night-agent ", "role": "agent", "owner": REVIEWER})
    secret = secret_on(made)
    assert made.status_code == httpx2.codes.OK
    assert made.headers["cache-control"] == "no-store"
    assert WRITTEN.fullmatch(secret)
    served.keys["night-agent"] = secret
    assert (await served.pending(by="night-agent"))["agent_id"] == "night-agent"
    page = await admin.get("/people")
    assert row(page, "night-agent").startswith(f"night-agent agent {REVIEWER} ")
    assert WRITTEN.findall(page.text) == []


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"name": "Night", "owner": ""}, 422, "A name begins with a-z"),
        ({"name": "", "owner": ""}, 422, "A name begins with a-z"),
        ({"name": "fine", "owner": "N O"}, 422, "A name begins with a-z"),
        ({"name": "agent", "owner": "olga"}, 409, "is or was in use by a key"),
        ({"name": REVIEWER, "owner": ""}, 409, "is or was in use by a person"),
        ({"name": "automation", "owner": ""}, 409, "belongs to the platform's own admin key"),
    ],
)
async def test_a_key_that_cannot_be_made_says_why(
    served: Stack, enter: Enter, fields: dict[str, str], status: int, told: str
) -> None:
    """The page again with the sentence and what was typed; no key comes of it."""
    before = (await served.get("/v1/keys", by="admin")).json()
    page = await (await enter(ADMIN)).post("/keys", data=fields | {"role": "auditor"})
    assert page.status_code == status
    assert told in text_of(page)
    assert f'name="name" value="{fields["name"]}"' in page.text
    assert f'name="owner" value="{fields["owner"]}"' in page.text
    assert "<option selected>auditor</option>" in page.text
    assert (await served.get("/v1/keys", by="admin")).json() == before


async def test_revoking_asks_first_and_says_what_it_does(served: Stack, enter: Enter) -> None:
    """The link revokes nothing; the button does: the key is refused, and what the agent has pending is cancelled."""
    served.add_key(NewKey(name="doomed", role=Role.AGENT))
    pending = [await served.pending(by="doomed") for _ in range(2)]
    admin, path = await enter(ADMIN), f"/keys/{served.key_ids['doomed']}/revoke"
    asked = await admin.get(path)
    assert "The agent's pending approvals are cancelled: 2 at this moment." in text_of(asked)
    assert (await shown(served, pending[0], by="doomed"))["status"] == "pending"
    done = await admin.post(path)
    assert (done.status_code, done.headers["location"]) == (httpx2.codes.SEE_OTHER, "/people#keys")
    assert (await served.submit(by="doomed")).status_code == httpx2.codes.UNAUTHORIZED
    for approval in pending:
        assert (await served.ended(approval))["status"] == "cancelled"
    assert "revoked" in row(await admin.get("/people"), "doomed")
    assert (await admin.get(path)).headers["location"] == "/people#keys"


async def test_what_is_said_before_a_revocation_fits_the_role(served: Stack, enter: Enter) -> None:
    """Only an agent has pending approvals."""
    admin = await enter(ADMIN)
    reviewers = text_of(await admin.get(f"/keys/{served.key_ids['bob']}/revoke"))
    assert "Whoever uses it is refused from that moment." in reviewers
    assert "pending" not in reviewers
    idle = text_of(await admin.get(f"/keys/{served.key_ids['other-agent']}/revoke"))
    assert "are cancelled: none at this moment." in idle


async def test_nobody_but_an_admin_makes_or_revokes(served: Stack, enter: Enter) -> None:
    """403 for an auditor, who reads them, and for a reviewer; nothing changes."""
    key_id = served.key_ids["agent"]
    for name in (AUDITOR, REVIEWER):
        client = await enter(name)
        for answer in (
            await client.post("/keys", data={"name": f"by-{name}", "role": "admin"}),
            await client.get(f"/keys/{key_id}/revoke"),
            await client.post(f"/keys/{key_id}/revoke"),
        ):
            assert answer.status_code == httpx2.codes.FORBIDDEN
    page = await (await enter(AUDITOR)).get("/people")
    assert row(page, "agent").startswith("agent agent ")
    assert "Revoke…" not in page.text
    listed = {key["name"]: key for key in (await served.get("/v1/keys", by="auditor")).json()["items"]}
    assert listed["agent"]["revoked_at"] is None
    assert not any(name.startswith("by-") for name in listed)


async def test_a_key_that_is_not_there(enter: Enter) -> None:
    """404 as a page."""
    admin = await enter(ADMIN)
    for answer in (await admin.get("/keys/nothing/revoke"), await admin.post("/keys/nothing/revoke")):
        assert answer.status_code == httpx2.codes.NOT_FOUND


async def test_an_owner_is_offered_among_people(served: Stack, enter: Enter) -> None:
    """The owner's field suggests people who can sign in; any other name is taken as well."""
    page = await (await enter(ADMIN)).get("/people")
    assert f'<option value="{REVIEWER}">' in page.text
    made = await (await enter(ADMIN)).post("/keys", data={"name": "owned", "role": "agent", "owner": "someone-else"})
    assert made.status_code == httpx2.codes.OK

    async def listed() -> list[str]:
        keys = (await served.get("/v1/keys", by="admin")).json()["items"]
        return [key["owner"] for key in keys if key["name"] == "owned"]

    assert await eventually("it is listed", listed) == ["someone-else"]
