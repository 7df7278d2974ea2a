"""A crowd in a process of its own: everybody clicks in the same moment, each on a connection of their own. Reads and writes JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any


async def _one(host: str, port: int, click: dict[str, Any], start: asyncio.Event) -> tuple[int, float, float]:
    body = click["body"].encode()
    lines = [f"POST {click['path']} HTTP/1.1", f"Host: {host}:{port}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in click["headers"].items()] + ["Connection: close", "", ""]
    await start.wait()
    begun = time.monotonic()
    reader, writer = await asyncio.open_connection(host, port)
    writer.write("\r\n".join(lines).encode() + body)
    status = int((await reader.readline()).split()[1])
    answered = time.monotonic()
    await reader.read()
    writer.close()
    return status, begun, answered


async def _all(host: str, port: int, clicks: list[dict[str, Any]]) -> list[tuple[int, float, float]]:
    start = asyncio.Event()
    waiting = [asyncio.create_task(_one(host, port, each, start)) for each in clicks]
    await asyncio.sleep(0)
    start.set()
    return await asyncio.gather(*waiting)


if __name__ == "__main__":
    given = json.load(sys.stdin)
    json.dump(asyncio.run(_all(given["host"], given["port"], given["clicks"])), sys.stdout)
