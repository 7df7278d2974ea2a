"""Signing in with a browser, and sessions (issue 6, item 2; DESIGN §2 rule 8)."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from hitl_server.serve import one_time_link

from tests.kit.commands import Commands
from tests.kit.served import ANN, TOKEN, Served, with_token
from tests.kit.sign_in import CONFIG, FORM, HTML, ME, WHO, by_link, opened, signed_in, token_of
from tests.kit.world import World


class TestOneTimeLink:
    def test_it_lets_in_once(self, locked: Served):
        """Sent to the sign-in page first; then a session as local:…, an operator, and back to where they wanted to be."""
        answer = by_link(locked)
        assert (answer.status_code, answer.headers["location"]) == (303, "/requests/x")
        assert locked.http.get("/inbox").status_code == 200
        told = locked.http.post("/desk/form", data={"csrf": token_of(locked)}).json()
        assert (told["who"], told["role"]) == (ME, "operator")

    def test_not_twice(self, locked: Served):
        """Used, it is good for nobody: 401, no cookie, and no page."""
        code = one_time_link(locked.world, ME).partition("code=")[2]
        first = locked.http.post("/sign-in/link", data={"code": code})
        assert first.status_code == 303
        locked.http.cookies.clear()
        for given in (code, "", "x" * 150):
            answer = locked.http.post("/sign-in/link", data={"code": given})
            assert answer.status_code == 401
            assert "set-cookie" not in answer.headers
            assert "hitl sign-in" in answer.text

    def test_opening_it_is_not_using_it(self, locked: Served):
        """Nothing changes by GET: previews do not use it up."""
        link = one_time_link(locked.world, ME)
        assert locked.http.get(link).status_code == 200
        assert locked.http.get(link).status_code == 200
        assert locked.http.post("/sign-in/link", data={"code": link.partition("code=")[2]}).status_code == 303

    def test_it_gets_old(self, locked: Served):
        """Ten minutes."""
        code = one_time_link(locked.world, ME).partition("code=")[2]
        locked.world.time.advance(601)
        assert locked.http.post("/sign-in/link", data={"code": code}).status_code == 401

    def test_it_is_no_session(self, locked: Served):
        """A code is not a cookie."""
        locked.http.cookies.set("hitl_session", one_time_link(locked.world, ME).partition("code=")[2])
        assert locked.http.get("/inbox").status_code == 401

    @pytest.mark.parametrize(
        "headers",
        [{"Host": "hitl.example.com"}, {"X-Forwarded-For": "203.0.113.9"}, {"Origin": "http://evil.example"}],
    )
    def test_from_elsewhere(self, locked: Served, headers: dict[str, str]):
        """local:… is whoever sits at the machine: not by another name, behind a proxy, or for another site's page. It stays good."""
        code = one_time_link(locked.world, ME).partition("code=")[2]
        assert locked.http.post("/sign-in/link", data={"code": code}, headers=headers).status_code == 403
        assert locked.http.post("/sign-in/link", data={"code": code}).status_code == 303
        answer = locked.http.get("/inbox", headers={k: v for k, v in headers.items() if k != "Origin"})
        assert answer.status_code == (200 if "Origin" in headers else 401)

    def test_without_tokens(self, unlocked: Served):
        """It makes whoever sits here local:… there, too."""
        assert by_link(unlocked).status_code == 303
        told = unlocked.http.post("/desk/form", data={"csrf": token_of(unlocked)}).json()
        assert told["who"] == ME

    def test_without_tokens_from_elsewhere(self, unlocked: Served):
        """The sign-in page is not for others while nothing is set up."""
        for path in ("/sign-in", "/sign-in/link", "/sign-in/style.css"):
            assert unlocked.http.get(path, headers={"Host": "evil.example"}).status_code == 403


class TestSessions:
    def test_cookie_flags(self, locked: Served):
        """Out of reach of scripts and other sites; a session cookie for this host alone."""
        (cookie,) = by_link(locked).headers.get_list("set-cookie")
        assert cookie.startswith("hitl_session=")
        flags = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"httponly", "samesite=lax", "path=/"} <= flags
        assert "secure" not in flags
        assert not [flag for flag in flags if flag.startswith("domain")]

    def test_cookie_flags_behind_tls(self):
        """Secure, and under a name that browsers take from this very host alone."""
        world = with_token(World(config=CONFIG))
        world.public_url = "https://hitl.example.com"
        with opened(world) as server:
            (cookie,) = by_link(server).headers.get_list("set-cookie")
            assert cookie.startswith("__Host-hitl_session=")
            assert "; Secure" in cookie
            server.http.cookies.set("hitl_session", cookie.partition("=")[2].partition(";")[0])
            del server.http.cookies["__Host-hitl_session"]
            assert server.http.get("/inbox").status_code == 401, (
                "the plain name could be planted by a neighbour"
            )

    def test_fixation(self, locked: Served):
        """The session before a sign-in is over with it: whoever planted or knew it is nobody."""
        before = signed_in(locked, WHO["reviewer"])
        after = by_link(locked)
        assert after.status_code == 303
        secret = after.cookies["hitl_session"]
        assert secret != before
        locked.http.cookies.clear()
        locked.http.cookies.set("hitl_session", before)
        assert locked.http.get("/inbox").status_code == 401

    def test_sign_out(self, locked: Served):
        """Really ends it: a copy of the cookie is nobody's any more; the browser forgets its own."""
        secret = signed_in(locked, WHO["reviewer"])
        answer = locked.http.post("/sign-out", data={"csrf": token_of(locked)})
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
        assert "Max-Age=0" in answer.headers["set-cookie"]
        locked.http.cookies.clear()
        locked.http.cookies.set("hitl_session", secret)
        assert locked.http.get("/inbox").status_code == 401

    def test_sign_out_by_another_site(self, locked: Served):
        """Not by GET, and not without the token."""
        signed_in(locked, WHO["reviewer"])
        assert locked.http.get("/sign-out").status_code == 405
        assert locked.http.post("/sign-out", headers=FORM).status_code == 403
        assert locked.http.get("/inbox").status_code == 200

    def test_it_runs_out(self, locked: Served):
        """After [sign_in] hours, however busy it was."""
        signed_in(locked, WHO["operator"])
        for _ in range(2):
            locked.world.time.advance(5.9 * 3600)
            assert locked.http.get("/inbox").status_code == 200
        locked.world.time.advance(0.3 * 3600)
        assert locked.http.get("/inbox").status_code == 401

    def test_every_server_of_the_database(self, make_world, sqlite_url: str):
        """Begun on one, known on the other (so a restart ends none), and over on both once it is ended on either."""
        one, two = (with_token(make_world(sqlite_url, config=CONFIG)) for _ in range(2))
        with opened(one) as first, opened(two) as second:
            second.http.cookies.set("hitl_session", signed_in(first, WHO["reviewer"]))
            assert second.http.get("/inbox").status_code == 200
            assert second.http.post("/sign-out", data={"csrf": token_of(first)}).status_code == 303
            assert first.http.get("/inbox").status_code == 401

    def test_what_is_stored(self, locked: Served):
        """Not the secret: who reads the database cannot sign in with it."""
        secret = signed_in(locked, WHO["operator"])

        async def stored() -> bool:
            async with locked.world.store.read() as uow:
                return await uow.session(secret) is not None

        assert not locked.world.portal.call(stored)

    @pytest.mark.parametrize("value", ["", "x", "a" * 10_000, "%00", "é".encode().decode("latin-1"), '"'])
    def test_junk(self, locked: Served, value: str):
        """401, never a 5xx."""
        headers = [(b"cookie", f"hitl_session={value}".encode("latin-1"))]
        assert locked.http.get("/inbox", headers=headers).status_code == 401

    def test_two_cookies_of_the_name(self, locked: Served):
        """One of them was planted: neither counts."""
        secret = signed_in(locked, WHO["operator"])
        locked.http.cookies.clear()
        for pair in (
            f"hitl_session={secret}; hitl_session=other",
            f"hitl_session=other; hitl_session={secret}",
        ):
            assert locked.http.get("/inbox", headers={"Cookie": pair}).status_code == 401

    def test_taken_out_of_the_file(self, make_world):
        """Who a session's person is is looked up at every request: no longer listed, no longer in."""
        world = with_token(make_world(config=CONFIG))
        with opened(world) as server:
            signed_in(server, "github:gone")
            assert server.http.get("/inbox").status_code == 401
            signed_in(server, WHO["viewer"])
            assert server.http.get("/inbox").status_code == 200

    def test_a_wrong_token_beside_a_session(self, locked: Served):
        """Who sends a token is judged by the token alone."""
        signed_in(locked, WHO["operator"])
        assert locked.http.get("/inbox", headers={"Authorization": "Bearer x"}).status_code == 401

    def test_they_answer_as_themselves(self, locked: Served):
        """On loopback, too, nobody who is signed in names another reviewer."""
        signed_in(locked, WHO["operator"])
        (item,) = locked.http.get("/api/v1/requests").json()["items"]
        headers = {"X-CSRF-Token": token_of(locked)}
        answer = locked.decide(item["id"], type="reject", reviewer=ANN, headers=headers)
        assert answer.status_code == 403
        assert "answers as nobody else" in answer.json()["detail"]


class TestChanges:
    def test_the_right_token(self, locked: Served):
        """As a form's field or a header; the route reads the whole form."""
        signed_in(locked, WHO["reviewer"])
        token = token_of(locked)
        told = locked.http.post("/desk/form", data={"csrf": token, "message": "ä & b"}).json()
        assert (told["who"], told["message"]) == ("github:rob", "ä & b")
        headers = {"X-CSRF-Token": token}
        assert locked.http.post("/desk/form", headers=headers, data={"a": "b"}).status_code == 200
        assert locked.http.post("/desk/form", headers=headers, json={}).status_code == 200

    @pytest.mark.parametrize("token", [None, "", "x", "other", "é"])
    @pytest.mark.parametrize("place", ["field", "header", "json"])
    @pytest.mark.parametrize("which", ["locked", "unlocked"])
    def test_a_wrong_one(self, request: pytest.FixtureRequest, which: str, place: str, token: str | None):
        """Missing, empty, wrong or another session's: 403 with a sentence, and nothing reaches the route."""
        server: Served = request.getfixturevalue(which)
        server.http.cookies.clear()  # what another test was given: this one does not name its server, so nobody has cleared them
        server.world.time.advance(60)  # refusals add up while the clock stands still
        signed_in(server, WHO["operator"])
        other = token_of(server)
        server.http.cookies.clear()
        if which == "locked":
            signed_in(server, WHO["operator"])
        given = other if token == "other" else token
        headers = [] if place == "field" or given is None else [(b"X-CSRF-Token", given.encode())]
        if place == "json":
            if which == "unlocked":
                return  # JSON needs none there: other origins' pages cannot send it
            answer = server.http.post("/desk/form", json={"csrf": other}, headers=headers)
        else:
            data = {"a": "b"} if place == "header" or given is None else {"csrf": given}
            answer = server.http.post("/desk/form", data=data, headers=headers)
        assert answer.status_code == 403
        assert "Nothing was changed" in answer.json()["detail"]

    def test_another_origin(self, locked: Served):
        """The right token does not help a page of another origin; `null` is one."""
        signed_in(locked, WHO["operator"])
        data = {"csrf": token_of(locked)}
        for origin in ("http://evil.example", "null", ""):
            assert locked.http.post("/desk/form", data=data, headers={"Origin": origin}).status_code == 403
        assert locked.http.post("/desk/form", data=data, headers={"Origin": locked.url}).status_code == 200

    def test_whoever_sits_here(self, unlocked: Served):
        """Without tokens and sign-in, too, a form counts only with the token of a page of ours."""
        told = unlocked.http.post("/desk/form", data={"csrf": token_of(unlocked)}).json()
        assert (told["who"], told["role"]) == ("api", "operator")

    def test_a_token_of_the_api(self, locked: Served):
        """Needs none: no browser sends it by itself. Pages take it as a viewer."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert locked.http.get("/desk/form", headers=headers).text == ""
        told = locked.http.post("/desk/form", data={"a": "b"}, headers=headers).json()
        assert (told["who"], told["role"]) == ("api", "viewer")

    def test_too_much(self, locked: Served):
        """A form has its cap: 413; and what is no form is 422."""
        signed_in(locked, WHO["operator"])
        answer = locked.http.post("/desk/form", content=b"a=" + b"x" * 1_000_001, headers=FORM)
        assert answer.status_code == 413
        for body in (b"\xff\xfe=1", b"&".join(b"a=1" for _ in range(3_000))):
            assert locked.http.post("/desk/form", content=body, headers=FORM).status_code == 422


class TestBrowsers:
    @pytest.mark.parametrize(
        ("path", "way"),
        [
            ("/", "/sign-in?next=/"),
            ("/inbox", "/sign-in"),
            ("/requests/7k3m9x2q?a=b&c=%2F", "/sign-in?next=/requests/7k3m9x2q%3Fa%3Db%26c%3D%252F"),
            ("//evil.example/x", "/sign-in"),
            ("/nope", "/sign-in?next=/nope"),
        ],
    )
    def test_a_page(self, locked: Served, path: str, way: str):
        """Sent to the sign-in page, which knows where to go then; a program, or whoever asks the API, gets 401."""
        url = httpx.URL(locked.url, raw_path=path.encode())
        answer = locked.http.get(url, headers=HTML)
        assert (answer.status_code, answer.headers["location"]) == (303, way)
        assert locked.http.get(url).status_code == 401
        assert locked.http.get("/api/v1/runs", headers=HTML).status_code == 401
        assert locked.http.get(url, headers={**HTML, "Authorization": "Bearer x"}).status_code == 401

    def test_back_to_the_same_request(self, locked: Served):
        """A session that is lost: sign in, and come back to the same request."""
        (item,) = locked.http.get("/api/v1/requests", headers={"Authorization": f"Bearer {TOKEN}"}).json()[
            "items"
        ]
        away = locked.http.get(f"/requests/{item['id']}", headers=HTML)
        shown = locked.http.get(away.headers["location"])
        assert shown.status_code == 200
        assert "hitl sign-in" in shown.text
        assert (
            by_link(locked, back=f"/requests/{item['id']}").headers["location"] == f"/requests/{item['id']}"
        )

    def test_a_change_after_the_session_was_lost(self, locked: Served):
        """401 with a page that says nothing was changed and leads back to the page it was on; htmx goes to the sign-in page."""
        on = {"Referer": f"{locked.url}/requests/7k3m9x2q", **HTML}
        answer = locked.http.post("/desk/form", data={"csrf": "x"}, headers=on)
        assert answer.status_code == 401
        assert "Nothing was changed" in answer.text
        assert 'href="/sign-in?next=/requests/7k3m9x2q"' in answer.text
        htmx = {"HX-Request": "true", "HX-Current-URL": f"{locked.url}/requests/7k3m9x2q"}
        answer = locked.http.post("/desk/form", data={"csrf": "x"}, headers=htmx)
        assert (answer.status_code, answer.headers["hx-redirect"]) == (
            401,
            "/sign-in?next=/requests/7k3m9x2q",
        )
        elsewhere = {"Referer": "https://evil.example/requests/7k3m9x2q", **HTML}
        assert 'href="/sign-in"' in locked.http.post("/desk/form", headers=elsewhere).text

    @pytest.mark.parametrize(
        "back",
        [
            "//evil.example", "/\\evil.example", "https://evil.example", "http:/evil.example", "javascript:alert(1)", "/\t/evil.example",
            "\\/evil.example", "/%0d%0aSet-Cookie:a=b", "/sign-out", "/sign-in/link?code=x", "evil", "", "/x" * 1_500, "/api/v1/runs",
        ],
    )  # fmt: skip
    def test_open_redirect(self, locked: Served, back: str):
        """After signing in one stays here: whatever is not a page of this server leads to the inbox."""
        code = one_time_link(locked.world, ME).partition("code=")[2]
        answer = locked.http.post("/sign-in/link", data={"code": code, "next": back})
        assert answer.status_code == 303
        where = answer.headers["location"]
        assert where == "/inbox" or (where == back and back.startswith("/%0d"))
        assert "a" not in answer.cookies

    def test_safety_headers(self, locked: Served):
        """No script, no frame, nothing kept; forms only to here. The address is told to nobody else."""
        headers = locked.http.get("/sign-in/link?code=<script>", headers=HTML).headers
        assert "script-src" not in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"

    def test_what_is_written_into_a_link(self, locked: Served):
        """Is text."""
        shown = locked.http.get('/sign-in/link?code="><script>alert(1)</script>&next="><b>').text
        assert "<script" not in shown
        assert "<b>" not in shown

    def test_guessing_is_slowed_down(self, make_world):
        """Codes that are not known count as failures: 429 soon, and a right one is taken all the same (O-08)."""
        with opened(with_token(make_world(config=CONFIG))) as server:
            code = one_time_link(server.world, ME).partition("code=")[2]
            told = [server.http.post("/sign-in/link", data={"code": "x"}).status_code for _ in range(35)]
            assert told[0] == 401
            assert told[-1] == 429
            assert server.http.post("/sign-in/link", data={"code": code}).status_code == 303


def test_a_link_from_the_command_line(tmp_path: Path):
    """`hitl sign-in` prints a path that lets whoever sits here in, once, at the server of the same database; `hitl serve` adds no line."""
    hitl = Commands(tmp_path, {"HITL_DATABASE_URL": f"sqlite:///{tmp_path}/hitl.db", "HITL_API_TOKEN": TOKEN})
    with hitl.running("serve", "--port", "0") as url, httpx.Client(base_url=url) as http:
        link = json.loads(hitl.said("sign-in", "--json"))["sign_in"]
        assert link.startswith("/sign-in/link?code=")
        assert http.get("/inbox").status_code == 401
        code = link.partition("code=")[2]
        assert http.post("/sign-in/link", data={"code": code}).status_code == 303
        assert http.get("/inbox").status_code == 200
        assert http.post("/sign-in/link", data={"code": code}).status_code == 401
        assert code not in (tmp_path / "stderr.txt").read_text()
