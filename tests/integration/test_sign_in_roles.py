"""What each role may do (issue 6, item 2; DESIGN §2 rule 8)."""

from __future__ import annotations

import re

from hitl_server.roles import roles_of

from tests.kit.served import ANN, TOKEN, Served, with_token
from tests.kit.sign_in import CONFIG, WHO, opened, signed_in, token_of


def operations(server: Served) -> list[tuple[str, str, list[str]]]:
    """Every operation of the document that is not public, with the roles that it names."""
    document = server.http.get("/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}).json()
    return [
        (method.upper(), path, list(roles_of(operation, method.upper())))
        for path, each in document["paths"].items()
        for method, operation in each.items()
        if operation["security"] != []
    ]


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
                body: dict[str, str] | None = None if method == "GET" else {}
                url = path.replace("{id}", "x")
                with locked.http.stream(method, url, headers=headers, json=body) as answer:
                    if not answer.headers.get("content-type", "").startswith(
                        "text/event-stream"
                    ):  # that has no end
                        answer.read()
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
