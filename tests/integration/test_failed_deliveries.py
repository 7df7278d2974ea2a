"""A card that could not be posted: everywhere where people look after it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.kit.commands import Commands
from tests.kit.served import Served
from tests.kit.wall import GONE, Wall
from tests.kit.world import World


def test_it_shows(
    serve: Callable[..., Served], make_world: Callable[..., World], sqlite_url: str, tmp_path: Path
) -> None:
    """G-14: on the request's page, in the API, on the command line, counted in the metrics; until it is delivered after all."""
    wall = Wall("hall", "kitchen <b>")
    server = serve(world=make_world(sqlite_url, channels=[wall]))
    hitl = Commands(tmp_path, {"HITL_DATABASE_URL": sqlite_url})
    wall.refuse = GONE
    request = server.asked()

    cards = server.http.get(f"/api/v1/requests/{request['code']}/cards").json()
    failed = {
        "channel": "wall",
        "address": "hall",
        "status": "failed",
        "attempts": 1,
        "error": "there is no such place",
    }
    there = {"channel": "wall", "address": "kitchen <b>", "status": "shown", "attempts": 0, "error": None}
    assert cards == {"items": [failed, there], "next": None}
    page = _posted(server, request)
    assert page["hall"] == "failed wall hall there is no such place 1 attempt"
    assert page["kitchen <b>"] == "up to date wall kitchen <b>"
    shown = hitl.said("requests", "show", request["code"])
    assert "  posted to  " in shown
    assert "wall hall: not delivered – there is no such place\n" in shown
    assert "wall kitchen <b>: up to date\n" in shown
    assert hitl.json("requests", "show", request["code"])["cards"] == cards["items"]
    assert "hitl_deliveries_failed 1.0" in server.http.get("/metrics").text

    assert server.decide(request["id"], type="approve").status_code == 200
    server.world.step()
    assert _posted(server, request)["hall"] == "up to date wall hall"
    assert "hitl_deliveries_failed 0.0" in server.http.get("/metrics").text


def test_of_no_request(serve: Callable[..., Served]) -> None:
    """404, as for the request itself."""
    assert serve().http.get("/api/v1/requests/none/cards").status_code == 404


def _posted(server: Served, request: Any) -> dict[str, str]:
    """What the page says of each place, as it is read."""
    page = server.http.get(f"/requests/{request['id']}").text
    said = [item for item in re.findall(r"<li>(.*?)</li>", page, re.DOTALL) if "<bdi>" in item]
    words = [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", item)).split()) for item in said]
    places = [html.unescape(re.findall(r"<bdi>(.*?)</bdi>", item)[0]) for item in said]
    return dict(zip(places, words, strict=True))
