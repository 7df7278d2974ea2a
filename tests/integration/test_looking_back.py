"""Looking back: the pages *Analytics* and *Audit*, and what programs are given of the same."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from hitl_middleware import audit
from hitl_middleware.analytics import Period, Sample, report
from hitl_middleware.records import AuditEvent
from hitl_middleware.testing.store_contract.case import a_request, a_run, a_submission, an_event
from hitl_server.pages.audit import AT_ONCE

from tests.kit.drawn import page
from tests.kit.history import BURST, WAITING, fill
from tests.kit.served import TOKEN, Served, with_token
from tests.kit.sign_in import CONFIG, WHO, opened, signed_in
from tests.kit.world import World

COUNT = 150
HOSTILE = "=HYPERLINK(1)</text><script>alert(1)</script>\" onload='x' \u202egnp.exe {{ 7*7 }}"
BEFORE = dt.datetime(2024, 6, 3, 9, tzinfo=dt.UTC)
ALL: dict[str, Any] = {"from": "2025-01-01"}


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    """A server with a few months behind it, and one request that somebody meant ill with."""
    # Whoever is who: these two, says the file, are one.
    people = {**CONFIG.people, "anna": ("slack:U024BE7LH", "github:zoe")}
    with opened(with_token(World(config=CONFIG.model_copy(update={"people": people})))) as found:
        now = found.world.clock.now()
        found.world.portal.call(_history, found.world, now)
        yield found


async def _history(world: World, now: dt.datetime) -> None:
    await fill(world.store, now, count=COUNT)
    run = a_run()
    request = a_request(
        run.id, graph=HOSTILE, tool=HOSTILE, status="rejected", created_at=now, decided_at=now, decided_by=HOSTILE,
        decided_by_name=HOSTILE, decided_via="slack",
    )  # fmt: skip
    given = a_submission(request.id, person=HOSTILE, counts_as=HOSTILE, name=HOSTILE, created_at=now)
    said = given.decision.model_copy(update={"type": "reject", "message": HOSTILE, "edited_action": None})
    async with world.store.begin() as uow:
        assert await uow.add_run(run)
        assert await uow.add_request(request)
        assert await uow.add_submission(replace(given, decision=said))
        for kind in ("tool_call", "outcome"):
            await uow.add_request(a_request(run.id, tool="pay", kind=kind, created_at=BEFORE))
        await uow.append(an_event(actor=HOSTILE, thread_id=HOSTILE, data={"reason": HOSTILE}))
    await audit.seal(world.store)


@pytest.fixture(autouse=True)
def _as_viewer(server: Served) -> None:
    """Who looks on, unless a test says otherwise."""
    server.http.cookies.clear()
    server.http.headers.pop("Authorization", None)
    signed_in(server, WHO["viewer"])


class TestAnalyticsPage:
    def test_it_shows_charts_with_their_tables(self, server: Served) -> None:
        """O-06: waiting times, rates, reasons, signs; every chart is an image with a title, and well-formed."""
        text = page(server, "/analytics", ALL)
        charts = re.findall(r"<svg class=\"chart\".*?</svg>", text, re.DOTALL)
        assert len(charts) == 5
        for chart in charts:
            assert ET.fromstring(chart).get("role") == "img"  # noqa: S314 – ours
        for name in (
            "plan-review",
            "process_refund",
            "Ann Archer",
            "sdlc-bugfix",
            "approved every time",
            "too quick to read",
            "in a burst",
            "Needs a test",
        ):
            assert name in text, name
        assert f"<dt>Asked</dt><dd>{COUNT + 1}</dd>" in text
        assert "&lt;script&gt;alert(1)" in text
        assert "⟦U+202E⟧" in text

    def test_it_says_what_is_asked(self, server: Served) -> None:
        """The period and the graph stand in the address, in the form, and in the links to files."""
        text = page(server, "/analytics", {"days": 7, "graph": "support"})
        assert 'aria-current="true">7 days' in text
        assert "/analytics.csv?days=7&amp;graph=support&amp;table=steps" in text
        assert '<option value="support" selected>' in text
        assert "plan-review" not in text
        named = page(server, "/analytics", {"from": "2025-12-01", "to": "2025-12-31", "graph": ""})
        assert "from 2025-12-01 to 2025-12-31" in named
        assert "from=2025-12-01&amp;to=2025-12-31&amp;table=time" in named

    def test_what_became_of_an_act_is_a_question_of_its_own(self, server: Served) -> None:
        """O-06: whether an act may happen and what became of it are two rows, and bear two names."""
        text = page(server, "/analytics", {"from": "2024-06-01", "to": "2024-06-30"})
        assert sorted(re.findall(r"<td><bdi>(pay.*?)</bdi></td>", text)) == ["pay", "pay – what became of it"]

    def test_a_period_without_anything(self, server: Served) -> None:
        """No chart of nothing, and no error."""
        text = page(server, "/analytics", {"from": "2024-01-01", "to": "2024-01-31"})
        assert "Nobody was asked anything in this period." in text
        assert "<svg" not in text

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ({"from": "2026-02-01", "to": "2026-01-01"}, "2026-02-01 is after 2026-01-01"),
            ({"from": "2026-02-30"}, "2026-02-30 is no day"),
            ({"to": "9999-12-31"}, "a day from 1970 to 2199"),
            ({"from": "0001-01-01"}, "a day from 1970 to 2199"),
        ],
    )
    def test_what_is_no_period(self, server: Served, given: dict[str, str], says: str) -> None:
        """A sentence beside the form, on the page; for programs, a problem document that names the field."""
        assert says in page(server, "/analytics", given, status=422)
        answer = server.http.get("/api/v1/analytics", params=given)
        assert (answer.status_code, answer.json()["field"]) == (422, next(iter(given)))
        assert says in answer.json()["detail"]

    def test_a_long_time(self, server: Served) -> None:
        """From 1970 on: as far as there is something, in weeks."""
        assert "week by week" in page(server, "/analytics", {"from": "1970-01-01"})


class TestProgramsAndSpreadsheets:
    def test_the_same_in_json(self, server: Served) -> None:
        """O-06: the parts come to the whole; what is asked for is said again."""
        found = server.http.get("/api/v1/analytics", params={"days": 90}).json()
        whole = found["whole"]
        assert whole["asked"] == COUNT + 1
        for parts in (found["steps"], found["buckets"]):
            for name in ("asked", "approved", "rejected", "expired", "unknown"):
                assert sum(part["figures"][name] for part in parts) == whole[name]
        assert whole["pending"] == WAITING
        assert (
            whole["decided"] == whole["approved"] + whole["rejected"] + whole["revised"] + whole["answered"]
        )
        assert whole["waiting"]["p50"] <= whole["waiting"]["p95"] <= whole["waiting"]["longest"]
        (burst,) = [sign for sign in found["signs"] if sign["kind"] == "burst"]
        assert (burst["person"], burst["count"]) == ("cleo", BURST)
        assert found["period"]["until"] == "2026-01-02T00:00:00Z"
        assert found["counted_since"] is None
        assert sum(share["count"] for share in found["channels"]) == sum(
            p["answers"] for p in found["people"]
        )

    def test_of_one_graph(self, server: Served) -> None:
        """Nothing of any other."""
        found = server.http.get("/api/v1/analytics", params={"days": 90, "graph": "support"}).json()
        assert {step["graph"] for step in found["steps"]} == {"support"}
        assert found["graph"] == "support"

    @pytest.mark.parametrize(
        "table", ["steps", "time", "decisions", "channels", "people", "reasons", "signs", "requests"]
    )
    def test_as_a_file(self, server: Served, table: str) -> None:
        """CSV: every table of the page and all requests; no cell is a formula; the name says what it is."""
        answer = server.http.get("/analytics.csv", params={"days": "90", "table": table})
        assert answer.headers["content-type"].startswith("text/csv; charset=utf-8")
        assert (
            answer.headers["content-disposition"]
            == f'attachment; filename="hitl-{table}-2025-10-04-to-2026-01-01.csv"'
        )
        rows = list(csv.reader(io.StringIO(answer.text, newline="")))
        assert len({len(row) for row in rows}) == 1
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
        if table == "requests":
            assert len(rows) == COUNT + 2

    def test_parameters_of_another_form(self, server: Served) -> None:
        """422 with the field, whatever they are."""
        for path in ("/api/v1/analytics", "/analytics.csv", "/analytics"):
            for given in (
                {"days": "0"},
                {"days": "x"},
                {"from": "1"},
                {"to": "2026-01-01T00:00"},
                {"graph": "x" * 201},
            ):
                answer = server.http.get(path, params=given)
                assert (answer.status_code, answer.json()["field"]) == (422, next(iter(given)))
        assert server.http.get("/analytics.csv", params={"table": "x"}).status_code == 422


async def test_no_more_is_counted_than_can_be(server: Served) -> None:
    """The bound: the newest so many are read, page by page, and what was left out is said; where all fit, nothing is."""
    views, now = server.world.views, server.world.clock.now()
    period = Period(since=now - dt.timedelta(days=400), until=now + dt.timedelta(days=1))

    async def read(most: int) -> Sample:
        return await server.world.portal.run(views.asked, period, most=most)

    whole = await read(COUNT + 1)
    assert (len(whole.rows), whole.cut, report(whole).counted_since) == (COUNT + 1, False, None)
    some = await read(COUNT)
    assert (some.rows, some.cut) == (whole.rows[:-1], True)
    assert report(some).counted_since == some.rows[-1].asked_at
    assert [each.asked_at for each in some.rows] == sorted(
        (each.asked_at for each in some.rows), reverse=True
    )


class TestWhoMaySee:
    PATHS = (
        "/analytics",
        "/analytics.csv",
        "/api/v1/analytics",
        "/audit",
        "/audit/verify",
        "/api/v1/audit",
        "/api/v1/audit/verification",
        "/api/v1/audit/export",
    )

    def test_who_oversees(self, server: Served) -> None:
        """Viewers, operators and the token see all of it, and find it from every page."""
        for identity in (WHO["viewer"], WHO["operator"]):
            server.http.cookies.clear()
            signed_in(server, identity)
            assert {server.http.get(path).status_code for path in self.PATHS} == {200}
            assert 'href="/analytics"' in server.http.get("/").text
        server.http.cookies.clear()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert {server.http.get(path, headers=headers).status_code for path in self.PATHS} == {200}

    def test_who_only_reviews(self, server: Served) -> None:
        """What is about everybody is not theirs: nothing of it is shown or led to; nobody at all sees none of it."""
        server.http.cookies.clear()
        assert {server.http.get(path).status_code for path in self.PATHS} == {401}
        signed_in(server, WHO["reviewer"])
        for path in self.PATHS:
            answer = server.http.get(path)
            assert answer.status_code == 403
            assert "Ann Archer" not in answer.text
        shown = server.http.get("/").text
        assert 'href="/analytics"' not in shown
        assert 'href="/audit"' not in shown


def seqs(text: str) -> list[int]:
    """The events that a page lists."""
    return [int(number) for number in re.findall(r'<span class="seq">(\d+)</span>', text)]


class TestAuditPage:
    def everything(self, server: Served) -> list[AuditEvent]:
        return list(server.world.trail())

    def test_it_is_searched(self, server: Served) -> None:
        """O-01: by kind, family, person, day, and by the id or code of what it is about; newest first; nothing else is listed."""
        events = self.everything(server)
        some = next(e for e in events if e.kind == "request.rejected" and e.request_id)
        request = server.world.portal.call(server.world.views.request, some.request_id or "").request
        day = f"{some.at:%Y-%m-%d}"
        for given, fits in (
            ({}, lambda e: True),
            ({"kind": "request.rejected"}, lambda e: e.kind == "request.rejected"),
            ({"kind": " request "}, lambda e: e.kind.startswith("request.")),
            ({"actor": "github:zoe"}, lambda e: e.actor == "github:zoe"),
            ({"actor": "github:zoe", "kind": "session"}, lambda e: e.actor == "github:zoe" and e.kind == "session.begun"),
            ({"about": some.request_id}, lambda e: e.request_id == some.request_id),
            ({"about": request.code.upper()}, lambda e: e.request_id == some.request_id),
            ({"about": some.run_id}, lambda e: e.run_id == some.run_id),
            ({"about": some.thread_id}, lambda e: e.thread_id == some.thread_id),
            ({"from": day, "to": day}, lambda e: f"{e.at:%Y-%m-%d}" == day),
            ({"to": "1999-01-01"}, lambda e: False),
            ({"actor": HOSTILE}, lambda e: e.actor == HOSTILE),
            ({"actor": "anna"}, lambda e: e.actor in {"slack:U024BE7LH", "github:zoe"}),
        ):  # fmt: skip
            wanted = [e.seq for e in reversed(events) if fits(e)]
            text = page(server, "/audit", given)
            assert seqs(text) == wanted[:AT_ONCE], given
            assert ("Older" in text) == (len(wanted) > AT_ONCE)
            assert ("Nothing fits." in text) == (not wanted)

    def test_it_is_read_in_pages(self, server: Served) -> None:
        """From the newest to the oldest, each once; the search goes along."""
        wanted = [e.seq for e in reversed(self.everything(server)) if e.kind == "request.opened"]
        found, address = [], "/audit?kind=request.opened&from=2025-01-01"
        while address:
            text = page(server, address)
            found += seqs(text)
            older = re.findall(r'<a href="([^"]+)">Older</a>', text)
            address = older[0].replace("&amp;", "&") if older else ""
        assert found == wanted

    def test_it_is_verified_in_words(self, server: Served) -> None:
        """O-01: that it holds and how much was looked at; looking changes nothing."""
        before = self.everything(server)
        assert f"The chain holds: {len(before):,} events" in page(server, "/audit/verify")
        assert f"from number {len(before)} on" in page(server, "/audit/verify", {"cursor": len(before) - 1})
        told = server.http.get("/api/v1/audit/verification").json()
        assert told == {"ok": True, "complete": True, "checked": len(before), "unsealed": 0, "problem": None}
        assert self.everything(server) == before
        assert server.http.get("/audit/verify?cursor=999999").status_code == 200

    def test_it_is_exported(self, server: Served) -> None:
        """O-01: every event with its hash, as a file; whoever has it can check the chain without us."""
        answer = server.http.get("/api/v1/audit/export")
        assert answer.headers["content-disposition"].startswith(
            'attachment; filename="hitl-audit-2026-01-01T'
        )
        last, lines = "", [json.loads(line) for line in answer.text.splitlines()]
        assert len(lines) == len(self.everything(server)) > 500
        for number, line in enumerate(lines, 1):
            seq, hashed = line.pop("seq"), line.pop("hash")
            assert seq == number
            last = audit.link(last, AuditEvent(**{**line, "at": dt.datetime.fromisoformat(line["at"])}))
            assert hashed == last
        run = lines[0]["run_id"]
        assert {
            json.loads(line)["run_id"]
            for line in server.http.get(f"/api/v1/audit/export?run_id={run}").text.splitlines()
        } == {run}

    def test_a_trace_of_one_run(self, server: Served) -> None:
        """As `hitl audit export --format agentack` gives it, offered where a run is looked at; of everything there is none here."""
        run = next(e.run_id for e in self.everything(server) if e.run_id and e.kind == "action.claimed")
        links = re.findall(r'href="(/api/v1/audit/export[^"]*)"', page(server, "/audit", {"about": run}))
        assert links[1:] == [
            f"/api/v1/audit/export?run_id={run}",
            f"/api/v1/audit/export?run_id={run}&amp;format=agentack",
        ]
        answer = server.http.get(links[2].replace("&amp;", "&"))
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert [line["type"] for line in lines][-1] == "session_end"
        assert {line["session_id"] for line in lines} == {run}
        refused = server.http.get("/api/v1/audit/export?format=agentack")
        assert (refused.status_code, refused.json()["field"]) == (422, "run_id")

    def test_what_programs_search(self, server: Served) -> None:
        """The same over the API, in both directions, with times to the second."""
        events = self.everything(server)
        middle = events[len(events) // 2].at
        answer = server.http.get(
            "/api/v1/audit",
            params={"kind": "action", "from": middle.isoformat(), "order": "newest", "limit": 3},
        ).json()
        wanted = [e.seq for e in reversed(events) if e.kind.startswith("action.") and e.at >= middle]
        assert [item["seq"] for item in answer["items"]] == wanted[:3]
        more = server.http.get(
            "/api/v1/audit",
            params={
                "kind": "action",
                "from": middle.isoformat(),
                "order": "newest",
                "cursor": answer["next"],
            },
        ).json()
        assert [item["seq"] for item in more["items"]] == wanted[3:103]
        oldest = server.http.get(
            "/api/v1/audit", params={"actor": "github:zoe", "to": middle.isoformat(), "limit": 2}
        ).json()
        assert [i["seq"] for i in oldest["items"]] == [
            e.seq for e in events if e.actor == "github:zoe" and e.at < middle
        ][:2]

    def test_parameters_of_another_form(self, server: Served) -> None:
        """No 5xx, whatever is asked for: no times that there are not, no numbers too large."""
        for given in (
            {"from": "x"},
            {"from": "2026-13-01"},
            {"cursor": "x"},
            {"kind": "x" * 201},
            {"from": "2026-02-01", "to": "2026-01-01"},
            {"from": "9999-01-01"},
        ):
            assert server.http.get("/audit", params=given).status_code == 422, given
        assert server.http.get("/audit", params={"about": "\0\u202e", "kind": "\0"}).status_code == 200
        for given in ({"from": "x"}, {"order": "x"}, {"cursor": "-1"}):
            assert server.http.get("/api/v1/audit", params=given).status_code == 422, given
        for given in (
            {"from": "0001-01-01T00:00:00+14:00"},
            {"to": "9999-12-31T23:59:59-12:00"},
            {"actor": "\0"},
            {"cursor": "9" * 18},
        ):
            assert server.http.get("/api/v1/audit", params=given).status_code in {200, 422}, given
