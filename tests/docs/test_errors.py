"""`docs/reference/errors.md` lists each error that the API answers with, and no other."""

import re
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from api.errors import STATUS, install_error_responses
from api.strict_json import MAX_BYTES, StrictJson

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `(/problems/[a-z-]+)` \| ([0-9]{3}) \|", re.MULTILINE)
DOCUMENTED = ROW.findall((ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8"))

JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def client() -> httpx2.AsyncClient:
    """An API that does nothing but fail, in every way that the real one can."""
    app = FastAPI()
    app.add_middleware(StrictJson)
    install_error_responses(app)

    @app.get("/v1/leaves/{name}")
    async def leaf(name: str) -> None:
        raise next(kind for kind in STATUS if kind.__name__ == name)(name)

    @app.get("/v1/unforeseen")
    async def unforeseen() -> None:
        raise ZeroDivisionError

    @app.post("/v1/number")
    async def number(_wanted: int) -> None: ...

    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://assent")


async def answered(client: httpx2.AsyncClient) -> list[tuple[str, str]]:
    """Return type and status of each error."""
    answers = [await client.get(f"/v1/leaves/{kind.__name__}") for kind in STATUS]
    answers += [
        await client.get("/v1/unforeseen"),
        await client.get("/v1/nowhere"),
        await client.delete("/v1/number"),
        await client.post("/v1/number", params={"_wanted": "many"}),
        await client.post("/v1/number", content="{}", headers={"Content-Type": "text/plain"}),
        await client.post("/v1/number", content='{"a": NaN}', headers=JSON),
        await client.post("/v1/number", content=b" " * (MAX_BYTES + 1), headers=JSON),
    ]
    assert {answer.headers["Content-Type"] for answer in answers} == {"application/problem+json"}
    return [(answer.json()["type"], str(answer.status_code)) for answer in answers]


async def test_the_reference_lists_every_problem_type(client: httpx2.AsyncClient) -> None:
    """Whoever meets an error finds its type and its status in the reference, and every type there can be met."""
    async with client:
        assert sorted(DOCUMENTED) == sorted(await answered(client))


def test_no_type_is_written_in_the_api_that_the_reference_lacks() -> None:
    """A problem that the API makes by hand is in the reference as well."""
    source = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "api").rglob("*.py"))
    written = set(re.findall(r'_Problem\("([a-z-]+)"', source)) | set(re.findall(r'"/problems/([a-z-]+)"', source))

    assert written != set()
    assert written <= {kind.removeprefix("/problems/") for kind, _ in DOCUMENTED}
