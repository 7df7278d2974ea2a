"""What each role may do (issue 6, item 2; DESIGN §2 rule 8)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from langchain_core.tools import tool

from hitl_middleware import requires_approval
from hitl_server.auth import NO_CREDENTIALS
from hitl_server.roles import roles_of
from hitl_server.serve import running_server

from tests.kit.effects import Effects
from tests.kit.models import call, says, script
from tests.kit.plain import NO_TLS
from tests.kit.served import ANN, TOKEN, Served, with_token
from tests.kit.sign_in import CONFIG, WHO, opened, page, signed_in, token_of
from tests.kit.world import World

HIDDEN = "4711-is-the-pin"


def operations(server: Served) -> list[tuple[str, str, list[str]]]:
    """Every operation of the document that is not public, with the roles that it names."""
    document = server.http.get("/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}).json()
    return [
        (method.upper(), path, list(roles_of(operation, method.upper())))
        for path, each in document["paths"].items()
        for method, operation in each.items()
        if operation["security"] != []
    ]


OPEN = {
    ("GET", "/healthz"), ("GET", "/readyz"), ("POST", "/slack/events"), ("POST", "/github/webhooks"),
    ("GET", "/sign-in"), ("GET", "/sign-in/style.css"), ("GET", "/sign-in/link"), ("POST", "/sign-in/link"),
}  # fmt: skip
"""All that answers whoever has no credentials: probes, what checks a signature itself, and the ways in."""


def asked(server: Served, method: str, path: str, **more: Any) -> httpx.Response:
    """The answer to an operation; of one that has no end its beginning."""
    body: dict[str, str] | None = None if method == "GET" else {}
    with server.http.stream(method, path, json=body, **more) as answer:
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            answer.read()
    return answer


@contextmanager
def noting(world: World) -> Iterator[Served]:
    """The server with an agent one of whose arguments nobody is shown."""

    @requires_approval(approvers=[WHO["reviewer"]], redact=["pin"])
    @tool
    def note(text: str, pin: str) -> str:
        """Take a note."""
        return f"noted {text}"

    notes = world.agent([note], script(says(call("note", text="a note", pin=HIDDEN))))
    with (
        running_server(world, graphs={"notes": notes}, routers=(page(),)) as running,
        httpx.Client(base_url=running.url, timeout=30, verify=NO_TLS) as http,
    ):
        yield Served(world, Effects(), http)


class TestNobody:
    """Whoever is not signed in, or not any more (DESIGN §2 rule 8)."""

    def test_every_route_is_closed(self, locked: Served):
        """401 from every operation of the document but those few; and from paths that do not exist."""
        document = locked.http.get("/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}).json()
        every = [(method.upper(), path) for path, each in document["paths"].items() for method in each]
        assert set(every) >= OPEN
        for method, path in [*every, ("GET", "/openapi.json"), ("GET", "/none"), ("POST", "/api/v1/none")]:
            locked.world.time.advance(60)  # or so many who are not let in had to wait
            answer = asked(locked, method, path.replace("{id}", "x"))
            closed = answer.status_code == 401 and NO_CREDENTIALS in answer.text
            assert closed == ((method, path) not in OPEN), (method, path)

    def test_who_is_nobody_any_more(self, locked: Served):
        """A session whose person hitl.toml no longer lists: 401 from each of them, and no word of what waits."""
        signed_in(locked, "github:gone")
        for method, path, _ in operations(locked):
            locked.world.time.advance(60)
            answer = asked(locked, method, path.replace("{id}", "x"), headers={"X-CSRF-Token": "x"})
            assert answer.status_code == 401, (method, path)


class TestWhatOnlyOthersSee:
    """Several people and no tenants: what is not for a role is in none of its answers."""

    def test_nothing_leaks(self, make_world):
        """Every page and answer that a role may read, with ids of what there is, is searched for what is not for it.

        Reviewers: the chain of the audit and the metrics. Everybody: arguments that the policy hides; sessions and tokens of others.
        """
        secrets: dict[str, str] = {}
        with noting(with_token(make_world(config=CONFIG))) as server:
            server.http.headers["Authorization"] = f"Bearer {TOKEN}"
            waits, done = server.asked("notes"), server.asked("notes")
            del server.http.headers["Authorization"]
            for role, identity in WHO.items():
                server.http.cookies.clear()
                secrets[role] = signed_in(server, identity)
                secrets[f"{role}'s csrf token"] = token_of(server)
            headers = {"X-CSRF-Token": secrets["operator's csrf token"]}
            assert server.decide(done["id"], type="approve", headers=headers).status_code == 200
            server.world.step()
            chain = [event["hash"] for event in server.http.get("/api/v1/audit").json()["items"]]
            assert len(chain) > 4
            ids = {
                "requests": [waits["id"], done["id"]],
                "runs": [waits["run_id"], done["run_id"]],
                "actions": [waits["action"]["id"], done["action"]["id"]],
            }
            told = operations(server)
            for role in WHO:
                server.http.cookies.clear()
                server.http.cookies.set("hitl_session", secrets[role])
                kept = {TOKEN, HIDDEN} | {
                    each for whose, each in secrets.items() if whose.split("'")[0] != role
                }
                kept |= {secrets[role]} | ({*chain, "hitl_decisions_total"} if role == "reviewer" else set())
                read = 0
                for method, path, roles in told:
                    if method != "GET" or path == "/api/v1/events":
                        continue
                    for each in next((ids[part] for part in path.split("/") if part in ids), ["x"]):
                        answer = asked(server, method, path.replace("{id}", each))
                        assert (answer.status_code == 403) == (role not in roles), (role, path)
                        read += answer.status_code == 200
                        assert not [secret for secret in kept if secret in answer.text], (role, path)
                assert read > 12


class TestRoles:
    def test_every_route(self, locked: Served):
        """Every operation of the OpenAPI document refuses, with 403, whoever has not one of its roles; and lets in who has."""
        told = operations(locked)
        assert len(told) > 12
        assert ("POST", "/desk/unmarked", ["operator"]) in told, (
            "what names no role is for operators to change"
        )
        for role, identity in WHO.items():
            locked.http.cookies.clear()
            signed_in(locked, identity)
            headers = {"X-CSRF-Token": token_of(locked)}
            for method, path, roles in told:
                if path == "/sign-out":
                    continue
                answer = asked(locked, method, path.replace("{id}", "x"), headers=headers)
                refused = answer.status_code == 403
                assert refused == (role not in roles), (role, method, path)
                if refused:
                    assert f"{identity} is signed in as {role}" in answer.json()["detail"]

    def test_what_pages_show_and_offer(self, make_world):
        """Everybody sees what waits, a reviewer their own first; a viewer is offered nothing but the way out."""
        config = CONFIG.model_copy(update={"people": {**CONFIG.people, "ann": (ANN, "github:ann")}})
        with opened(with_token(make_world(config=config))) as server:
            server.http.headers["Authorization"] = f"Bearer {TOKEN}"
            older, own = server.asked("poll"), server.asked()
            del server.http.headers["Authorization"]
            for identity, order, offered in (
                ("github:ann", [own, older], True),
                (WHO["operator"], [older, own], True),
                (WHO["viewer"], [older, own], False),
            ):
                server.http.cookies.clear()
                signed_in(server, identity)
                shown = server.http.get("/").text
                assert re.findall(r'id="r-([0-9a-f-]+)"', shown) == [each["id"] for each in order]
                assert ("/decide" in shown, "For you" in shown) == (offered, identity == "github:ann")
                assert "/sign-out" in shown

    def test_what_no_role_is_given(self, locked: Served):
        """Whatever is added: viewers change nothing, and only operators what is not an answer; reviewers read nothing about everybody."""
        for method, path, roles in operations(locked):
            if method != "GET" and path not in {"/sign-out", "/desk/form"}:
                assert "viewer" not in roles, path
                answers = path.endswith(("/decisions", "/decide", "/outcome", "/settle"))
                assert ("reviewer" in roles) == answers, path
            if re.search(r"audit|metrics|analytics", path):
                assert "reviewer" not in roles, path

    def test_the_issue_s_table(self, locked: Served):
        """Viewers decide nothing, reviewers read no audit, operators alone start runs."""
        table = {(method, path): roles for method, path, roles in operations(locked)}
        assert table["POST", "/api/v1/requests/{id}/decisions"] == ["reviewer", "operator"]
        assert table["POST", "/api/v1/actions/{id}/outcome"] == ["reviewer", "operator"]
        assert table["GET", "/api/v1/audit"] == ["viewer", "operator"]
        assert table["GET", "/metrics"] == ["viewer", "operator"]
        assert table["POST", "/api/v1/runs"] == ["operator"]

    def test_a_decision_from_a_session(self, make_world):
        """The same desk as Slack's: a reviewer whom the plan does not list is refused by name, whom it lists is not; the audit has them."""
        config = CONFIG.model_copy(update={"people": {**CONFIG.people, "ann": (ANN, "github:ann")}})
        with opened(with_token(make_world(config=config))) as server:
            server.http.headers["Authorization"] = f"Bearer {TOKEN}"
            item = server.asked()
            del server.http.headers["Authorization"]
            signed_in(server, WHO["reviewer"])
            headers = {"X-CSRF-Token": token_of(server)}
            refused = server.decide(item["id"], type="approve", headers=headers)
            assert refused.status_code == 403
            assert "it is for" in refused.json()["detail"]
            server.http.cookies.clear()
            signed_in(server, "github:ann")  # one person with slack:U024BE7LH, whom the plan lists (P-01)
            headers = {"X-CSRF-Token": token_of(server)}
            decided = server.decide(item["id"], type="approve", headers=headers).json()
            assert (decided["status"], decided["decided_by"]) == ("approved", "github:ann")
