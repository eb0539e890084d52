"""What every answer of the dashboard is sent with, and where a change may come from."""

import json
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from assent.models import NewKey, Role
from dashboard.forms import MAX_BYTES
from dashboard.security import CONTENT_SECURITY_POLICY
from services.people import make_person
from services.sign_in import make_link
from services.wiring import system_clock
from storage.people import PeopleStore
from storage.sign_in_links import SignInLinkStore
from tests.api.answers import problem, shown
from tests.dashboard.visitors import FROM_HERE, Enter, add_quickly, hidden, routes, text_of
from tests.support.stack import Stack
from tests.support.team import ADMIN, AUDITOR, PASSWORD, REVIEWER

pytestmark = pytest.mark.asyncio(loop_scope="module")

HTML = "text/html; charset=utf-8"
ELSEWHERE: dict[str, dict[str, str]] = {
    "says nothing": {},
    "another site": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"},
    "a subdomain": {"Sec-Fetch-Site": "same-site"},
    "typed or a bookmark": {"Sec-Fetch-Site": "none"},
    "another origin": {"Origin": "https://evil.test"},
    "another port": {"Origin": "http://127.0.0.1:1"},
    "an opaque origin": {"Origin": "null"},
    "two words for it": {"Sec-Fetch-Site": "cross-site, same-origin"},
}


async def bare(client: httpx2.AsyncClient, method: str, path: str, **options: Any) -> httpx2.Response:  # noqa: ANN401
    """Send a request with the client's cookies and without the header that says it comes from our own page."""
    request = client.build_request(method, path, **options)
    if "Sec-Fetch-Site" not in (options.get("headers") or {}):
        del request.headers["Sec-Fetch-Site"]
    return await client.send(request)


async def paths(stack: Stack, approval: Mapping[str, Any]) -> dict[str, str]:
    """Return what stands for each part of a route's path: things that exist, and that a request would change."""
    if "victim" not in stack.key_ids:
        add_quickly(stack, "victim")
        stack.add_key(NewKey(name="victim-agent", role=Role.AGENT))
        stack.key_ids["victim"] = stack.key_ids["victim-agent"]
    return {
        "{approval_id}": approval["id"],
        "{name}": "victim",
        "{key_id}": stack.key_ids["victim"],
        "{token}": make_link(SignInLinkStore(stack.database), "victim", clock=system_clock),
        "{session_id}": "0123456789abcdef",
        "{pattern_id}": "0193f1a4-0000-7000-8000-000000000000",
    }


def filled(path: str, parts: Mapping[str, str]) -> str:
    """Return a route's path with things in the place of their names."""
    for name, value in parts.items():
        path = path.replace(name, value)
    assert "{" not in path, f"Say in `paths` what stands for the part of {path}."
    return path


def check_headers(answer: httpx2.Response) -> None:
    """Check what keeps a page from being framed, from running what is not ours, and from being kept."""
    told = answer.headers
    assert told["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert told["x-frame-options"] == "DENY"
    assert told["x-content-type-options"] == "nosniff"
    assert told["referrer-policy"] == "same-origin"
    assert told["cross-origin-opener-policy"] == "same-origin"
    assert told["cross-origin-resource-policy"] == "same-origin"
    assert told["cache-control"] == "no-store"


async def standing(stack: Stack, approval: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return all that the requests of these tests could have changed."""
    keys = (await stack.get("/v1/keys", by="admin")).json()
    pauses = (await stack.get("/v1/pauses", by="auditor")).json()
    patterns = (await stack.get("/v1/trusted-patterns", by="auditor")).json()
    return await shown(stack, approval), keys, pauses, patterns, PeopleStore(stack.database).all()


async def test_the_policy_lets_nothing_in_that_is_not_ours() -> None:
    """Nothing by default, no inline script or style, no framing, no other base, forms to ourselves."""
    rules = dict(part.strip().split(" ", 1) for part in CONTENT_SECURITY_POLICY.split(";"))
    assert rules.pop("default-src") == rules.pop("base-uri") == rules.pop("frame-ancestors") == "'none'"
    assert set(rules.values()) == {"'self'"}
    assert rules.keys() == {"script-src", "style-src", "img-src", "font-src", "connect-src", "form-action"}


async def test_every_page_is_sent_with_the_headers(served: Stack, enter: Enter) -> None:
    """Every GET route, asked by an admin and by nobody, is answered with all of them."""
    approval = await served.pending()
    parts = await paths(served, approval)
    admin = await enter(ADMIN)
    async with httpx2.AsyncClient(base_url=served.http.base_url, trust_env=False) as nobody:
        for route in routes("GET"):
            path = filled(route, parts)
            for client in (admin, nobody):
                async with client.stream("GET", path) as answer:
                    assert answer.status_code < 500, path
                    check_headers(answer)
    for page in (f"/approvals/{approval['id']}", "/", "/people", "/you", "/sign-in"):
        answer = await admin.get(page)
        assert "style=" not in answer.text, page
        assert "<style" not in answer.text, page
        assert "<script>" not in answer.text, page


async def test_errors_are_sent_with_the_headers_too(served: Stack, enter: Enter) -> None:
    """403, 404, 405, 413, 422 and redirects, as pages or as text."""
    admin, reviewer = await enter(ADMIN), await enter(REVIEWER)
    for answer, status in (
        (await reviewer.get("/people"), 403),
        (await bare(admin, "POST", "/sign-out"), 403),
        (await admin.get("/nothing"), 404),
        (await admin.get("/approvals/nothing"), 404),
        (await admin.put("/people"), 405),
        (await admin.post("/people", content=b"x" * (MAX_BYTES + 1)), 413),
        (await admin.post("/approvals/x/decisions", data={}), 422),
        (await admin.get("/?q=%00"), 400),
        (await served.http.get("/you"), 303),
        (await served.http.get("/you", headers={"HX-Request": "true"}), 401),
    ):
        assert answer.status_code == status, answer.request.url
        check_headers(answer)


async def test_files_are_sent_with_the_headers_and_kept(served: Stack) -> None:
    """Styles and scripts may be kept for ever under their version; they are not framed or read from elsewhere."""
    page = (await served.http.get("/sign-in")).text
    address = page.split('<link rel="stylesheet" href="')[1].split('"')[0]
    answer = await served.http.get(address)
    assert answer.status_code == httpx2.codes.OK
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"].startswith("text/css")
    for outside in ("/static/../app.py", "/static/..%2fapp.py", "/static/nothing.js", "/static/"):
        assert (await served.http.get(outside)).status_code == httpx2.codes.NOT_FOUND


@pytest.mark.parametrize("headers", ELSEWHERE.values(), ids=ELSEWHERE.keys())
async def test_a_change_from_elsewhere_is_refused(served: Stack, enter: Enter, headers: dict[str, str]) -> None:
    """403 for every POST of the dashboard, with an admin's cookie, and nothing has changed."""
    approval = await served.pending()
    admin, parts = await enter(ADMIN), await paths(served, approval)
    step = hidden(await admin.get(f"/approvals/{approval['id']}/approve"))
    before = await standing(served, approval)
    for route in routes("POST"):
        fields = step | {"name": "victim", "password": PASSWORD, "role": "admin", "scope": "everything", "reason": "x"}
        answer = await bare(admin, "POST", filled(route, parts), data=fields, headers=headers)
        assert answer.status_code == httpx2.codes.FORBIDDEN, route
        assert "sent from another site" in answer.text
        assert "set-cookie" not in answer.headers
    assert await standing(served, approval) == before
    assert (await admin.get("/you")).status_code == httpx2.codes.OK
    # It was only where it came from: the very same form from our own page decides.
    assert (await admin.post(f"/approvals/{approval['id']}/decisions", data=step)).status_code == 303
    assert (await served.ended(approval))["status"] == "executed"


async def test_an_origin_of_ours_is_enough_where_browsers_say_no_more(served: Stack, enter: Enter) -> None:
    """Over plain HTTP to another machine there is no Sec-Fetch-Site: Origin is compared, and a Referer is nothing."""
    admin = await enter(ADMIN)
    origin = str(served.http.base_url).rstrip("/")
    assert (await bare(admin, "POST", "/you/sessions/end-others", headers={"Origin": origin})).status_code == 303
    referer = {"Referer": f"{origin}/you"}
    assert (await bare(admin, "POST", "/you/sessions/end-others", headers=referer)).status_code == 403


async def test_json_as_text_with_a_cookie_decides_nothing(served: Stack, enter: Enter) -> None:
    """What a form of another site can send as `text/plain` is a 403; from our own page it is no form, a 422."""
    approval = await served.pending()
    reviewer, path = await enter(REVIEWER), f"/approvals/{approval['id']}/decisions"
    step = hidden(await reviewer.get(f"/approvals/{approval['id']}/approve"))
    body = json.dumps(step)
    text = {"Content-Type": "text/plain"}
    for headers in ELSEWHERE.values():
        assert (await bare(reviewer, "POST", path, content=body, headers=headers | text)).status_code == 403
    for kind in ("text/plain", "application/json"):
        answer = await reviewer.post(path, content=body, headers={"Content-Type": kind})
        assert answer.status_code == 422
    assert (await shown(served, approval))["status"] == "pending"


async def test_the_api_knows_no_cookie(served: Stack, enter: Enter) -> None:
    """With a session and without a key it is a 401, for reading and for deciding; text is no JSON."""
    approval = await served.pending()
    admin = await enter(ADMIN)
    decision = {"outcome": "approve", "digest": approval["digest"]}
    path = f"/v1/approvals/{approval['id']}/decisions"
    problem(await admin.post(path, json=decision), 401, "not-authenticated")
    problem(await admin.get("/v1/keys"), 401, "not-authenticated")
    problem(await admin.post("/v1/pause", json={"reason": "x"}), 401, "not-authenticated")
    text = await admin.post(path, content=json.dumps(decision), headers={"Content-Type": "text/plain"})
    problem(text, 415, "unsupported-media-type")
    assert (await shown(served, approval))["status"] == "pending"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_looking_decides_nothing(served: Stack, enter: Enter, method: str) -> None:
    """What is sent by POST does nothing by another method, with all its fields in the address: 405, or a page."""
    approval = await served.pending()
    admin, parts = await enter(ADMIN), await paths(served, approval)
    step = hidden(await admin.get(f"/approvals/{approval['id']}/approve"))
    before = await standing(served, approval)
    fields = step | {
        "name": "victim",
        "role": "admin",
        "scope": "everything",
        "reason": "x",
        "approval": approval["id"],
    }
    for route in routes("POST"):
        answer = await bare(admin, method, filled(route, parts), params=fields)
        assert answer.status_code in {200, 303, 404, 405, 422}, route
    for route in set(routes("GET")) - {"/live"}:
        await bare(admin, method, filled(route, parts), params=fields)
    assert await standing(served, approval) == before
    assert (await admin.get("/you")).status_code == httpx2.codes.OK
    # The link is not used up either.
    used = await served.http.post(f"/sign-in/{parts['{token}']}", headers=FROM_HERE)
    assert used.status_code == httpx2.codes.SEE_OTHER


async def test_other_methods_are_no_way_around(served: Stack, enter: Enter) -> None:
    """PUT, PATCH and DELETE are 403 from elsewhere and 405 from our own page."""
    approval = await served.pending()
    admin, parts = await enter(ADMIN), await paths(served, approval)
    for route in routes("POST"):
        for method in ("PUT", "PATCH", "DELETE"):
            path = filled(route, parts)
            assert (await bare(admin, method, path)).status_code == 403, (method, route)
            assert (await admin.request(method, path)).status_code == 405, (method, route)
    assert (await shown(served, approval))["status"] == "pending"


async def test_the_cookie_is_kept_from_scripts_and_other_sites(served: Stack) -> None:
    """HttpOnly, SameSite=Lax, for every path; over HTTPS also Secure and tied to the host by its name."""
    make_person(
        PeopleStore(served.database), "cara", Role.REVIEWER, created_by="x", clock=system_clock, password=PASSWORD
    )
    form = {"name": "cara", "password": PASSWORD}
    plain = await served.http.post("/sign-in", data=form, headers=FROM_HERE)
    name, attributes = cookie_of(plain)
    assert (name, attributes) == ("assent_session", {"httponly", "samesite=lax", "path=/"})
    assert "strict-transport-security" not in plain.headers
    # As a proxy in front says it.
    secure = await served.http.post("/sign-in", data=form, headers=FROM_HERE | {"X-Forwarded-Proto": "https"})
    name, attributes = cookie_of(secure)
    assert (name, attributes) == ("__Host-assent_session", {"httponly", "samesite=lax", "path=/", "secure"})
    assert secure.headers["strict-transport-security"].startswith("max-age=")
    served.http.cookies.clear()


async def test_over_https_the_cookie_of_http_is_nothing(enter: Enter) -> None:
    """One that anybody on the way could have set does not sign in."""
    client = await enter(REVIEWER)
    assert (await client.get("/you")).status_code == httpx2.codes.OK
    over_https = await client.get("/you", headers={"X-Forwarded-Proto": "https"})
    assert (over_https.status_code, over_https.headers["location"]) == (303, "/sign-in?next=%2Fyou")


async def test_what_is_not_there_is_said_in_the_words_of_who_asks(served: Stack, enter: Enter) -> None:
    """An unknown page is a page, signed in or not; an unknown part of the API stays a problem, and so do its 405s."""
    for client in (await enter(REVIEWER), served.http):
        page = await client.get("/no/such/page")
        assert (page.status_code, page.headers["content-type"]) == (404, HTML)
        assert "There is no such page." in text_of(page)
    part = await (await enter(REVIEWER)).get("/nothing", headers={"HX-Request": "true"})
    assert "<html" not in part.text
    for path in ("/v1/unknown", "/v1", "/v1/approvals/x/unknown"):
        answer = await served.http.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    for method, path in (("PUT", "/v1/keys"), ("DELETE", "/v1/approvals"), ("POST", "/healthz")):
        answer = await served.http.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")


async def test_a_refusal_by_role_is_in_the_log(served: Stack, enter: Enter) -> None:
    """Who asked for what their role does not include is told, as it is for keys."""
    await (await enter(AUDITOR)).post("/pauses", data={"scope": "everything", "reason": "x"})
    log = await served.get("/v1/audit", by="auditor", action="access.refused", actor=f"auditor:{AUDITOR}")
    assert [event["details"] for event in log.json()["items"]] == [{"method": "POST", "path": "/pauses"}]


def cookie_of(answer: httpx2.Response) -> tuple[str, set[str]]:
    """Return the name and the attributes of the one cookie that an answer sets."""
    assert answer.status_code == httpx2.codes.SEE_OTHER, answer.text
    (written,) = answer.headers.get_list("set-cookie")
    pair, *attributes = (part.strip() for part in written.split(";"))
    assert len(pair.split("=", 1)[1]) == 43
    return pair.split("=", 1)[0], {attribute.lower() for attribute in attributes}
