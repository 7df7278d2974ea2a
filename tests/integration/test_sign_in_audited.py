"""Who signs in and out stands in the audit, and is told to nobody else."""

from __future__ import annotations

import json

import httpx

from hitl_middleware.records import AuditEvent
from hitl_middleware.testing.store_contract.case import an_event
from hitl_server.session import Sessions

from tests.kit.served import Served
from tests.kit.sign_in import WHO, by_link, signed_in, token_of
from tests.kit.world import World


class TestWhoSignedIn:
    def events(self, server: Served) -> list[AuditEvent]:
        return [event for event in server.world.trail() if event.kind.startswith("session.")]

    def test_who_comes_and_goes_stands_in_the_audit(self, unlocked: Served) -> None:
        """O-01: who, how, from where, as what; never a secret. Whoever signs in anew ends the session that was there."""
        assert by_link(unlocked).status_code == 303
        first = unlocked.http.cookies["hitl_session"]
        assert by_link(unlocked).status_code == 303
        second = unlocked.http.cookies["hitl_session"]
        assert unlocked.http.post("/sign-out", data={"csrf": token_of(unlocked)}).status_code == 303
        told = [(e.kind, e.actor, e.via, e.data) for e in self.events(unlocked)]
        here = {"from": "127.0.0.1"}
        assert told == [
            ("session.begun", "local:ann", "link", {"role": "operator", **here}),
            ("session.ended", "local:ann", "link", here),
            ("session.begun", "local:ann", "link", {"role": "operator", **here}),
            ("session.ended", "local:ann", "sign-out", here),
        ]
        assert not [secret for secret in (first, second) if secret in str(unlocked.world.trail())]

    def test_it_is_not_told_to_everybody(self, unlocked: Served) -> None:
        """A reviewer who follows what changes does not hear who comes and goes; only whoever oversees the audit reads it."""
        before = unlocked.http.get("/api/v1/audit?order=newest&limit=1").json()["items"]
        signed_in(unlocked, WHO["reviewer"])
        headers = {"Last-Event-ID": str(before[0]["seq"] - 1) if before else "0"}
        with unlocked.http.stream("GET", "/api/v1/events", headers=headers) as heard:
            lines = heard.iter_lines()
            assert next(lines) == ": listening"
            with httpx.Client(base_url=unlocked.url) as other:
                by_link(replace_client(unlocked, other))
            unlocked.world.portal.call(_told, unlocked.world)
            data = next(
                told
                for line in lines
                if line.startswith("data: ") and "kind" in (told := json.loads(line.removeprefix("data: ")))
            )
        assert data["kind"] == "request.opened"
        assert not httpx.codes.is_success(unlocked.http.get("/api/v1/audit").status_code)


def replace_client(server: Served, http: httpx.Client) -> Served:
    """The same server, with another browser."""
    return Served(server.world, server.effects, http)


async def _told(world: World) -> None:
    async with world.store.begin() as uow:
        await uow.append(an_event(kind="request.opened"))


def test_a_session_is_known_by_nothing_of_its_secret(unlocked: Served) -> None:
    """Begun without a passage (a test, a ticket), nothing is written of it."""
    before = len(unlocked.world.trail())
    unlocked.world.portal.call(Sessions(unlocked.world).begin, "github:vera")
    assert len(unlocked.world.trail()) == before
