"""Deciding at the command line, beside a server that carries on: the same desk, the same rules, the same JSON as over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from hitl_graphs.support.fakes import FakeFront, FakeStripe, LostReply, MessageSent, RefundCreated
from hitl_middleware.manifest import EXAMPLES
from hitl_middleware.testing.fake_slack import FakeSlack, Message

from tests.kit.commands import Commands

ANN = "U024BE7LH"
ORDERS = {f"A-{number}": 20_000 for number in range(1, 10)}


@dataclass
class Desk:
    """A server, the world around it, and the command line."""

    hitl: Commands
    http: httpx.Client
    slack: FakeSlack
    stripe: FakeStripe
    front: FakeFront

    def started(self, words: str, **given: str) -> str:
        """A run that was started at the command line; its id."""
        given = {"text": words, "conversation_id": "cnv_1", **given}
        run: dict[str, Any] = self.hitl.json("runs", "start", "support", "--input", json.dumps(given))
        assert run["status"] == "running"
        return str(run["id"])

    def asked(self, words: str, **given: str) -> dict[str, Any]:
        """The request that such a run makes, once Slack shows it."""
        run_id = self.started(words, **given)

        def shown() -> dict[str, Any] | None:
            requests: list[dict[str, Any]] = self.http.get(f"/api/v1/runs/{run_id}").json()["requests"]
            return next((one for one in requests if self.card(one["code"])), None)

        return self.slack.wait_for(shown, timeout=30)

    def told(self, code: str) -> dict[str, Any]:
        """What ``requests show`` tells in JSON, but for the messages, which change as they are carried."""
        found: dict[str, Any] = self.hitl.json("requests", "show", code)
        assert {card["channel"] for card in found.pop("cards")} == {"slack"}
        return found

    def card(self, code: str, *words: str) -> Message | None:
        """The request's card, if it says all this."""
        found = [m for m in self.slack.messages if all(each in m.plain() for each in (code, *words))]
        return found[0] if found else None

    def shows(self, code: str, *words: str) -> str:
        """What the card says, as soon as it says all this."""
        return self.slack.wait_for(lambda: self.card(code, *words), timeout=30).plain()

    def refunds(self, order: str) -> list[RefundCreated]:
        """What Stripe did for an order."""
        return [each for each in self.stripe.made(RefundCreated) if each.order_id == order]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One for the module; every test has a run, and an order, of its own."""
    folder: Path = tmp_path_factory.mktemp("desk")
    with (
        FakeSlack() as slack,
        FakeStripe(orders=ORDERS) as stripe,
        FakeFront(conversations=["cnv_1"]) as front,
    ):
        slack.add_user(ANN, name="ann")
        slack.add_user("U0STRANGER", name="sam")
        slack.add_channel("C0DESK0001", "desk")
        hitl = Commands(
            folder,
            {
                **slack.environ,
                "HITL_SLACK_CHANNEL": "C0DESK0001",
                "HITL_DEFAULT_APPROVERS": f"slack:{ANN}",
                "STRIPE_API_URL": stripe.url,
                "STRIPE_API_KEY": stripe.token,
                "FRONT_API_URL": front.url,
                "FRONT_API_TOKEN": front.token,
            },
        )
        with (
            hitl.running("serve", "--port", "0") as url,
            httpx.Client(base_url=url, trust_env=False, timeout=30) as http,
        ):
            slack.connect(f"{url}/slack/events")
            yield Desk(hitl, http, slack, stripe, front)


def test_shown_as_over_http(desk):
    """``requests show`` and ``list`` and ``runs show`` tell in JSON what the API tells, and in words what somebody has to know."""
    request = desk.asked("refund order A-1, 120.00")

    assert desk.told(request["code"]) == request
    assert desk.hitl.json("requests", "list") == desk.http.get("/api/v1/requests?status=pending").json()
    assert (
        desk.hitl.json("runs", "show", request["run_id"])
        == desk.http.get(f"/api/v1/runs/{request['run_id']}").json()
    )
    words = desk.hitl.said("requests", "show", request["id"])
    for word in (
        request["code"],
        "process_refund",
        '"amount_cents": 12000',
        f"slack:{ANN}",
        "approve, edit",
        request["digest"],
    ):
        assert word in words


def test_approved_once(desk):
    """S-10: approved by its code, in capitals too; the act happens once; whoever comes second is told who was first, exit code 2."""
    request = desk.asked("refund order A-2, 120.00")

    decided = desk.hitl.json("requests", "approve", request["code"].upper())

    assert (decided["status"], decided["decided_by"].partition(":")[0]) == ("approved", "local")
    desk.shows(request["code"], "Approved", "Executed")
    for words in (("approve", request["code"]), ("reject", request["id"], "too late")):
        said = desk.hitl.refused("requests", *words)
        assert said.startswith(f"This was already approved by {decided['decided_by']} at ")
        assert said.endswith("Nothing was changed.")
    assert [refund.amount for refund in desk.refunds("A-2")] == [12_000]
    assert "Refunded 120.00 USD" in desk.hitl.said("runs", "show", request["run_id"])


def test_rejected_with_a_reason(desk):
    """S-12: the reason reaches the card and the agent; nothing is refunded."""
    request = desk.asked("refund order A-3, 120.00")

    said = desk.hitl.said("requests", "reject", request["code"], "It is older than a year")

    assert said.startswith(f"Refund an order [{request['code']}] is rejected, decided by local:")
    desk.shows(request["code"], "Rejected", "It is older than a year")
    assert desk.refunds("A-3") == []


def test_sent_back_with_feedback(desk):
    """S-12: a draft that is sent back is written anew and asked about anew; the first one is never sent."""
    request = desk.asked("Is there a course on etching?", conversation_id="cnv_1")
    before = desk.front.made(MessageSent)

    assert (
        desk.hitl.json("requests", "feedback", request["code"], "Mention the summer school")["status"]
        == "revised"
    )

    second = desk.slack.wait_for(
        lambda: [m for m in desk.slack.messages if "Mention the summer school" in m.plain() and m.buttons],
        timeout=30,
    )
    assert request["code"] not in second[0].plain()
    assert desk.front.made(MessageSent) == before


def test_edited(desk):
    """S-11: an edit that fits is what runs; one that does not is refused with its field, exit code 2, and the request stays open."""
    request = desk.asked("refund order A-4, 120.00")
    args = {**request["args"], "amount_cents": 9_900}

    said = desk.hitl.refused("requests", "edit", request["code"], json.dumps({**args, "amount_cents": "all"}))
    assert said.startswith("edited_action.args.amount_cents: ")
    assert desk.hitl.json("requests", "show", request["code"])["status"] == "pending"

    assert desk.hitl.json("requests", "edit", request["code"], json.dumps(args))["args"] == args
    desk.shows(request["code"], "Executed")
    assert [refund.amount for refund in desk.refunds("A-4")] == [9_900]


def test_edited_field_by_field(desk):
    """S-11: ``--set`` reads each value by the tool's schema, says every mistake at its field, and keeps what it does not name."""
    request = desk.asked("refund order A-9, 120.00")

    wrong = ("--set", "amount_cents=all", "--set", "order_id=", "--set", "when=now")
    done = desk.hitl.run("requests", "edit", request["code"], *wrong)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "order_id: This is required.",
        "amount_cents: A whole number, for example 12000.",
        "when: There is no such field. There are: order_id, amount_cents, reason.",
    ]
    assert desk.hitl.refused("requests", "edit", request["code"]).startswith("Give all arguments as JSON, or")
    assert desk.told(request["code"]) == request

    edited = desk.hitl.json("requests", "edit", request["code"], "--set", "amount_cents=9900")
    assert edited["args"] == {**request["args"], "amount_cents": 9_900}
    assert edited["edited_from"] == request["args"]
    desk.shows(request["code"], "Executed", "amount_cents: 12000 → 9900")
    assert [refund.amount for refund in desk.refunds("A-9")] == [9_900]
    assert "amount_cents: 12000 → 9900" in desk.hitl.said("requests", "show", request["code"])


def test_an_answer_the_plan_does_not_take(desk):
    """S-13: a kind of answer that the policy does not list, and one without its words: refused with a sentence; it stays open."""
    request = desk.asked("refund order A-5, 120.00")

    assert desk.hitl.refused("requests", "respond", request["code"], "It is done").startswith(
        "type: 'respond' is not allowed here; allowed: approve"
    )
    assert desk.hitl.refused("requests", "feedback", request["code"], " ") == "message: feedback needs words"
    assert desk.told(request["code"]) == request


def test_decided_as_somebody_else(desk):
    """P-01: ``--as`` speaks for a person: counted for who may decide, refused for who may not; the audit names who sat there, too."""
    request = desk.asked("refund order A-6, 120.00")

    said = desk.hitl.refused("requests", "approve", request["code"], "--as", "slack:U0STRANGER")
    assert said == f"slack:U0STRANGER may not decide this: it is for slack:{ANN} to decide."

    assert (
        desk.hitl.json("requests", "approve", request["code"], "--as", f"slack:{ANN}")["decided_by"]
        == f"slack:{ANN}"
    )
    desk.shows(request["code"], "Approved by @ann", "Executed")
    events = [json.loads(line) for line in desk.hitl.said("audit", "export").splitlines()]
    (decided,) = [e for e in events if e["kind"] == "request.approved" and e["request_id"] == request["id"]]
    assert (decided["actor"], decided["via"]) == (f"slack:{ANN}", "cli")
    assert decided["data"]["vouched_by"].startswith("cli:")


def test_an_unknown_outcome_is_settled(desk):
    """DESIGN §3: an act whose answer was lost is unknown until somebody says what became of it; then the run goes on; not twice."""
    request = desk.asked("refund order A-7, 120.00")
    desk.stripe.script(LostReply(), on="POST /v1/refunds")
    desk.hitl.said("requests", "approve", request["code"])
    desk.shows(request["code"], "Unknown", "hitl actions settle")
    (action,) = desk.hitl.json("runs", "show", request["run_id"])["actions"]

    assert desk.hitl.refused(
        "actions", "settle", action["id"], "done", "--as", "slack:U0STRANGER"
    ).startswith("slack:U0STRANGER may not decide this")
    settled = desk.hitl.json("actions", "settle", action["id"], "done", "--result", "Stripe shows it")

    assert (settled["status"], settled["result"]) == ("succeeded", "Stripe shows it")
    desk.shows(request["code"], "Executed", "Stripe shows it")
    assert desk.hitl.refused("actions", "settle", action["id"], "done") == (
        "action: the action is succeeded; only an unknown outcome can be settled"
    )
    assert len(desk.refunds("A-7")) == 1


def test_served_and_worked_apart(desk):
    """O-09: ``serve --no-worker`` only answers, ``worker`` in another process carries on; both say in JSON that they run."""
    beside = Commands(desk.hitl.folder, {**desk.hitl.environ, "HITL_DATABASE_URL": "sqlite:///apart.db"})
    with beside.running("serve", "--port", "0", "--no-worker", "--json") as said:
        url = json.loads(said)["url"]
        answer = httpx.post(
            f"{url}/api/v1/runs",
            json={
                "graph": "support",
                "input": {"text": "refund order A-8, 120.00", "conversation_id": "cnv_1"},
            },
            trust_env=False,
        )
        assert answer.status_code == 202
        assert [each for each in desk.slack.messages if "A-8" in each.plain()] == []

        with beside.running("worker", "--json") as line:
            assert json.loads(line) == {"graphs": [*EXAMPLES]}
            assert desk.slack.wait_for_message("A-8", timeout=30).buttons
