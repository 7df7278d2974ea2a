"""The run's page: the graph with where it stands, when its nodes ran, and its state step by step (O-05, N-01, N-02)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator

import pytest

from hitl_middleware.errors import OutOfReach
from hitl_server.pages import course

from tests.kit.served import Served


def seen(server: Served, run: str) -> str:
    """The page, which must be one."""
    answer = server.http.get(f"/runs/{run}")
    assert answer.status_code == 200, answer.text
    assert "<style" not in answer.text
    assert "style=" not in answer.text
    return answer.text


def marks(page: str) -> dict[str, str]:
    """How the nodes of the drawn graph stand."""
    found = re.findall(r'<g class="node \w+ ?(\w*)" data-node="(\w+)"', page)
    return {node: status for status, node in found}


def test_a_run_that_waits_and_goes_on(open_server: Served):
    """The node that waits is marked, people's time set apart; then all is done, and each step says what it changed."""
    server = open_server
    request = server.asked()
    page = seen(server, request["run_id"])
    assert marks(page) == {"__start__": "done", "model": "done", "tools": "waiting", "__end__": ""}
    assert 'aria-label="Graph desk: tools waiting"' in page
    assert 'class="stretch by-human is-waiting"' in page
    assert "messages + human: please" in page
    assert "Asks: <bdi>" in page
    assert 'pending">next: asks<' in page, "the step that was done asks nothing: what is due does"
    server.decide(request["id"], type="approve")
    server.world.step()
    page = seen(server, request["run_id"])
    assert set(marks(page).values()) == {"done"}
    assert "messages + tool pay: paid 5" in page
    assert 'data-source="model" data-target="tools"' in page
    css = re.search(r'href="(/static/drawing.css[^"]*)"', page)
    assert css is not None
    assert ".hitl-drawing" in server.http.get(css[1]).text


def test_what_the_policy_hides_is_not_in_the_state(serve: Callable[..., Served]):
    """Neither in the call that the model made nor in what the tool said of it."""
    server = serve(redact=["amount"])
    request = server.asked()
    page = seen(server, request["run_id"])
    assert "calls pay(amount=&#34;⟦redacted⟧&#34;)" in page


def test_a_graph_that_cannot_be_read_is_a_sentence(open_server: Served):
    """Unknown here, out of reach, too slow, broken: the page stands, says why, and keeps what is stored."""
    request = open_server.asked()
    hitl = open_server.world
    for trouble, words in _troubles():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(course, "PATIENCE", 0.05)
            patch.setitem(hitl.__dict__, "reader", trouble)
            page = seen(open_server, request["run_id"])
        assert words in page
        assert "Waiting for a decision" in page
        assert 'class="stretch by-human is-waiting"' in page


class _Trouble:
    def __init__(self, error: Exception | None) -> None:
        self.error = error

    async def shape(self, graph: str) -> None:
        if self.error is None:
            await asyncio.sleep(60)
        else:
            raise self.error


def _troubles() -> Iterator[tuple[_Trouble, str]]:
    from hitl_middleware.errors import UnknownGraph

    yield _Trouble(UnknownGraph(name="desk", known="none")), "This server does not have the graph"
    yield _Trouble(OutOfReach(graph="desk", reason="it is away")), "it is away"
    yield _Trouble(None), "does not answer in time"
    yield _Trouble(ValueError("<b>")), "The graph cannot be read (ValueError)."
