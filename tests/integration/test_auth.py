"""Who is let in: every route, with and without tokens, from here and from elsewhere (DESIGN §2 rule 8, §5)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from pydantic import SecretStr
from starlette.datastructures import Headers

from hitl_middleware.errors import ConfigurationError
from hitl_middleware.settings import ConfigFile, Settings, TokenConfig
from hitl_server.app import create_app
from hitl_server.auth import Door, is_loopback
from hitl_server.graphs import load_graphs, routers_of
from hitl_server.problems import Problem

from tests.kit.effects import Effects
from tests.kit.served import HELLO, TOKEN, Served, served, with_token
from tests.kit.world import World

PUBLIC = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/slack/events"),
    ("POST", "/github/webhooks"),
    ("POST", "/front/webhooks"),
    ("GET", "/sign-in"),
    ("GET", "/sign-in/style.css"),
    ("GET", "/sign-in/link"),
    ("POST", "/sign-in/link"),
}
"""DESIGN §2 rule 8."""

ELSEWHERE = [
    "/docs",
    "/redoc",
    "/nope",
    "/api/v1/nope",
    "/api/v1/runs/",
    "/healthz/",
    "//healthz",
    "/healthz/../",
    "/static/x",
]
JSON = {"Content-Type": "application/json"}


def webhook() -> APIRouter:
    """What a graph may bring: a webhook that checks a signature itself, a route that does not, and one that the document does not list."""
    router, front = APIRouter(), APIRouter()

    @front.post("/webhooks", openapi_extra={"security": []})
    async def signed() -> dict[str, str]:
        return {"let": "in"}

    router.include_router(front, prefix="/front")

    @router.get("/desk/hidden", include_in_schema=False, openapi_extra={"security": []})
    async def hidden() -> dict[str, str]:
        return {"let": "in"}

    @router.get("/desk/report")
    async def report() -> dict[str, str]:
        return {"let": "in"}

    return router


def routes() -> list[tuple[str, str]]:
    """Every route of the app, those that the document does not list included."""
    app = create_app(World(), routers=[webhook()])
    found = [
        (method, str(each.path)) for each in iter_route_contexts(app.routes) for method in each.methods or ()
    ]
    assert ("GET", "/openapi.json") in found
    return sorted(set(found))


@pytest.fixture(scope="module")
def locked() -> Iterator[Served]:
    """A server with a token, and a client that sends none."""
    with served(with_token(World()), Effects(), routers=(webhook(),)) as server:
        yield server


@pytest.fixture(scope="module")
def unlocked() -> Iterator[Served]:
    """A server without tokens."""
    with served(World(), Effects(), routers=(webhook(),)) as server:
        yield server


class TestWithTokens:
    @pytest.fixture(autouse=True)
    def _a_while_later(self, locked: Served) -> None:
        """So many requests without credentials are only answered 401 where they take their time."""
        locked.world.time.advance(60)

    @pytest.mark.parametrize(("method", "path"), routes())
    def test_every_route(self, locked: Served, method: str, path: str):
        """401 without credentials, on loopback too, but for the probes and the signed webhooks."""
        answer = locked.http.request(method, path.replace("{id}", "x"), headers=JSON, content=b"{}")
        if (method, path) == ("POST", "/sign-in/link"):
            assert "was used" in answer.text  # open to all, and this is no link
            return
        assert (answer.status_code != 401) == ((method, path) in PUBLIC)
        if answer.status_code == 401:
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.headers["content-type"] == "application/problem+json"

    @pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS", "DELETE"])
    @pytest.mark.parametrize("path", ELSEWHERE)
    def test_every_other_path(self, locked: Served, method: str, path: str):
        """Paths that do not exist are closed like those that do: 401."""
        url = httpx.URL(locked.url, raw_path=path.encode())
        assert locked.http.request(method, url).status_code == 401

    def test_the_document_says_the_same(self, locked: Served):
        """Public in the OpenAPI document is what is public; everything else names the bearer token, or a session."""
        answer = locked.http.get("/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"})
        document = answer.json()
        assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                public = (method.upper(), path) in PUBLIC
                assert operation["security"] == ([] if public else [{"token": []}, {"session": []}])

    @pytest.mark.parametrize(
        "credentials",
        [
            "Bearer",
            f"Bearer {TOKEN}x",
            f"Bearer {TOKEN[:-1]}",
            f"Basic {TOKEN}",
            TOKEN,
            f"Bearer {TOKEN} {TOKEN}",
            f"Bearer  {TOKEN}\tx",
            "Bearer \xff\xfe",
            "Bearer " + "a" * 10_000,
        ],
    )
    def test_other_credentials(self, locked: Served, credentials: str):
        """401."""
        headers = [(b"authorization", credentials.encode("latin-1"))]
        assert locked.http.get("/api/v1/runs", headers=headers).status_code == 401

    def test_two_credentials(self, locked: Served):
        """401: a proxy in front may have looked at the other one."""
        headers = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer x")]
        assert locked.http.get("/api/v1/runs", headers=headers).status_code == 401

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    @pytest.mark.parametrize("host", ["127.0.0.1", "hitl.example.com", "[::"])
    def test_the_token(self, locked: Served, scheme: str, host: str):
        """Lets in from anywhere, by any name."""
        headers = {"Authorization": f"{scheme} {TOKEN}", "Host": host, "Origin": "https://elsewhere.example"}
        assert locked.http.get("/api/v1/runs", headers=headers).status_code == 200
        assert locked.http.get("/nope", headers=headers).status_code == 404

    def test_a_token_beyond_ascii(self):
        """Any text without blanks is a token."""
        door = Door.of(Settings(api_token=SecretStr("schlüssel-☂")), ConfigFile())
        sent = Headers(raw=[(b"authorization", "Bearer schlüssel-☂".encode())])
        assert door.admit("GET", sent, "203.0.113.9").identity == "api"

    def test_a_probe_tells_nothing(self, locked: Served):
        """The probes are open to any client, and answer the same to all."""
        headers = {"Host": "10.0.0.7:8100", "X-Forwarded-For": "203.0.113.9"}
        assert locked.http.get("/healthz", headers=headers).json() == {"status": "ok"}
        assert locked.http.get("/readyz", headers=headers).json() == {"status": "ready"}


class TestWithoutTokens:
    @pytest.mark.parametrize(
        "path", ["/", "/healthz", "/api/v1/runs", "/openapi.json", "/metrics", "/desk/report"]
    )
    @pytest.mark.parametrize(
        "host",
        ["127.0.0.1", "127.0.0.1:8100", "localhost", "LocalHost:1", "localhost.", "[::1]:8100", "127.9.9.9"],
    )
    def test_this_machine(self, unlocked: Served, path: str, host: str):
        """By a loopback name or address: let in."""
        assert unlocked.http.get(path, headers={"Host": host}).status_code == 200

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example", "evil.example:8100", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.0.7", "10.0.0.1:80",
            "0.0.0.0", "127.0.0.1:80:80", "user@127.0.0.1", "127.0.0.1/x", "[::1", "::1", "[::ffff:10.0.0.1]", "2130706433", "0x7f.1",
            "127.1", "localhost:", "127.0.0.1, evil.example",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/requests", "/nope"])
    def test_dns_rebinding(self, unlocked: Served, path: str, host: str):
        """By any other name: 403 with a sentence, whoever that name leads to."""
        answer = unlocked.http.get(path, headers={"Host": host})
        assert answer.status_code == 403
        assert "HITL_API_TOKEN" in answer.json()["detail"]

    @pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Forwarded-Host"])
    def test_through_a_proxy(self, unlocked: Served, header: str):
        """A proxy on this machine stands between: whoever is behind it, it is not known to be this machine. 403."""
        assert unlocked.http.get("/api/v1/runs", headers={header: "127.0.0.1"}).status_code == 403

    def test_from_elsewhere(self):
        """A client that is not on loopback is refused, whatever name it uses; one that is not known, too."""
        door = Door(())
        for client in ("203.0.113.9", "::ffff:203.0.113.9", "fe80::1%eth0", "", None):
            with pytest.raises(Problem) as refused:
                door.admit("GET", Headers({"host": "127.0.0.1"}), client)
            assert refused.value.status_code == 403

    @pytest.mark.parametrize(
        "origin",
        ["http://evil.example", "null", "https://{host}", "http://127.0.0.1:1", "http://localhost", ""],
    )
    def test_another_origin(self, unlocked: Served, origin: str):
        """A page of another origin cannot write: 403, and no run is stored."""
        host = httpx.URL(unlocked.url).netloc.decode()
        headers = {"Origin": origin.format(host=host)}
        answer = unlocked.http.post("/api/v1/runs", json={"graph": "desk", "input": HELLO}, headers=headers)
        assert answer.status_code == 403
        assert unlocked.http.get("/api/v1/runs").json()["items"] == []

    def test_the_same_origin(self, serve: Callable[..., Served]):
        """Our own pages may."""
        server = serve()
        answer = server.http.post(
            "/api/v1/runs", json={"graph": "desk", "input": HELLO}, headers={"Origin": server.url}
        )
        assert answer.status_code == 202

    @pytest.mark.parametrize(
        "kind",
        [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/jsonp",
            "",
            None,
        ],
    )
    def test_what_a_page_may_send_anywhere(self, unlocked: Served, kind: str | None):
        """Forms and plain text, which need no preflight: 415, and no run is stored."""
        headers = {} if kind is None else {"Content-Type": kind}
        body = json.dumps({"graph": "desk", "input": HELLO}).encode()
        answer = unlocked.http.post("/api/v1/runs", content=body, headers=headers)
        assert answer.status_code == 415
        assert unlocked.http.get("/api/v1/runs").json()["items"] == []

    @pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
    def test_json(self, unlocked: Served, kind: str):
        """Is read."""
        answer = unlocked.http.post("/api/v1/runs", content=b"{}", headers={"Content-Type": kind})
        assert answer.status_code == 422

    def test_nothing_is_shared_with_other_origins(self, unlocked: Served):
        """No CORS headers, and a preflight is not granted."""
        headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
        for method in ("GET", "OPTIONS"):
            answer = unlocked.http.request(method, "/api/v1/runs", headers=headers)
            assert not [name for name in answer.headers if name.startswith("access-control")]

    def test_signed_webhooks_may_come_through_a_tunnel(self, unlocked: Served):
        """Their signature is their credential: any name, any content type; the routes themselves refuse what is not signed."""
        headers = {"Host": "tunnel.example", "X-Forwarded-For": "203.0.113.9"}
        assert unlocked.http.post("/front/webhooks", headers=headers).json() == {"let": "in"}
        assert unlocked.http.post("/slack/events", headers=headers).status_code == 404
        assert unlocked.http.get("/front/webhooks", headers=headers).status_code == 403


class TestSettings:
    @pytest.mark.parametrize(
        ("token", "tables", "environ", "word"),
        [
            ("", {"ci": TokenConfig(token_env="CI_TOKEN")}, {}, "CI_TOKEN"),
            ("", {"ci": TokenConfig(token_env="CI_TOKEN")}, {"CI_TOKEN": ""}, "CI_TOKEN"),
            ("", {"ci": TokenConfig(token_env="CI_TOKEN")}, {"CI_TOKEN": "a b"}, "CI_TOKEN"),
            ("same", {"ci": TokenConfig(token_env="CI_TOKEN")}, {"CI_TOKEN": "same"}, "same value"),
            ("a\n", {}, {}, "HITL_API_TOKEN"),
        ],
    )
    def test_half_a_token(
        self, token: str, tables: dict[str, TokenConfig], environ: dict[str, str], word: str
    ):
        """Stops the server with a sentence that names the variable, never its value."""
        with pytest.raises(ConfigurationError) as stopped:
            Door.of(Settings(api_token=SecretStr(token)), ConfigFile(tokens=tables), environ)
        assert word in str(stopped.value)
        assert "a b" not in str(stopped.value)

    def test_a_table_alone_locks(self):
        """``[tokens.*]`` is enough; HITL_API_TOKEN need not be set."""
        config = ConfigFile(tokens={"ci": TokenConfig(token_env="CI_TOKEN")})
        door = Door.of(Settings(), config, {"CI_TOKEN": "of-the-ci"})
        assert door.locked
        sent = Headers({"authorization": "Bearer of-the-ci", "host": "127.0.0.1"})
        assert door.admit("GET", sent, "127.0.0.1").identity == "token:ci"

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "::ffff:127.0.0.1"])
    def test_loopback(self, host: str):
        """This machine's own."""
        assert is_loopback(host)

    def test_the_shipped_graphs_bring_public_webhooks_only(self, tmp_path, monkeypatch: pytest.MonkeyPatch):
        """What the support desk brings is its signed webhook, marked as public; nothing else is."""
        monkeypatch.setenv("HITL_MANIFEST", str(tmp_path / "none.json"))
        monkeypatch.setenv("HITL_DATABASE_URL", "memory://")
        world = with_token(World())
        world.settings = world.settings.model_copy(update={"manifest": tmp_path / "none.json"})
        try:
            app = create_app(world, routers=routers_of(world, load_graphs(world)))
        finally:
            world.stop()
        found = {
            (method.upper(), path)
            for path, operations in app.openapi()["paths"].items()
            for method, operation in operations.items()
            if operation["security"] == []
        }
        assert found == PUBLIC
        assert not [path for _, path in found if re.search(r"[{}]", path)]
