"""Socket Mode: Slack reaches us over a WebSocket that we open, so no address of ours has to be public.

slack-bolt's handler keeps the connection; what arrives takes the same way as over HTTP (``Intake``), and is acknowledged only when it is
committed. The SDK tries an address that it was given once for ever, though Slack's are good for one connection and for seconds
(docs.slack.dev, "Using Socket Mode"): so we look after it, and begin afresh where it does not come back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.adapter.socket_mode.async_internals import send_async_response
from slack_bolt.adapter.socket_mode.internals import build_headers
from slack_bolt.request.async_request import AsyncBoltRequest

from hitl_middleware.channels.payload import Malformed, check_depth
from hitl_middleware.channels.slack.client import failure, web_client
from hitl_middleware.channels.slack.intake import Intake
from hitl_middleware.channels.slack.settings import SlackSettings

if TYPE_CHECKING:
    from slack_sdk.socket_mode.aiohttp import SocketModeClient
    from slack_sdk.socket_mode.request import SocketModeRequest

log = structlog.get_logger("hitl.slack")

PING_SECONDS: Final = 5.0
"""How often the connection is looked after; one that is silent for four times as long counts as lost (slack_sdk)."""

LOST_LOOKS: Final = 3
"""How often in a row the SDK may be found without a connection before we begin afresh."""

CONNECT_SECONDS: Final = 20.0
BACKOFF: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds before the next attempt, the last one repeats: Slack allows few ``apps.connections.open`` a minute (Tier 1)."""

FINISH_SECONDS: Final = 5.0
"""How long stopping waits for what was taken and is not yet acknowledged."""


class SocketMode:
    """Keeps one connection open from ``start`` to ``stop``, on the loop of whoever calls them."""

    def __init__(
        self, settings: SlackSettings, intake: Intake, *, ping_seconds: float = PING_SECONDS
    ) -> None:
        self._settings = settings
        self._intake = intake
        self._ping_seconds = ping_seconds
        self._keeping: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[Any]] = set()
        self._stopping = False

    async def start(self) -> None:
        """Connect in the background. A Slack that cannot be reached, or refuses the token, is tried again and logged each time."""
        self._stopping = False
        self._keeping = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Take nothing new, acknowledge what was taken, and leave."""
        self._stopping = True
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=FINISH_SECONDS)
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
            self._keeping = None

    async def _keep(self) -> None:
        failures = 0
        while True:
            handler = _Handler(self, self._settings, self._intake, self._ping_seconds)
            try:
                if await self._connected(handler.client):
                    failures = 0
                    await self._watch(handler.client)
                    log.warning("slack.socket_lost")
            finally:
                await handler.client.close()  # type: ignore[no-untyped-call]
            failures += 1
            await asyncio.sleep(BACKOFF[min(failures, len(BACKOFF)) - 1])

    async def _connected(self, client: SocketModeClient) -> bool:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                # Asked for here and not by the SDK, which would ask again every few seconds and say nothing of why it failed.
                answer = await client.web_client.apps_connections_open(app_token=client.app_token)
                client.wss_uri = answer["url"]
                await client.connect()  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001 – whatever it is: it is said, and tried again
            why = failure(error, variable="SLACK_APP_TOKEN").facts["reason"]
            log.warning("slack.socket_not_connected", why=why)
            return False
        return True

    async def _watch(self, client: SocketModeClient) -> None:
        """Return when the SDK has lost the connection and does not get it back."""
        missing = 0
        while missing < LOST_LOOKS:
            await asyncio.sleep(self._ping_seconds)
            missing = 0 if await client.is_connected() else missing + 1

    async def take(self, client: SocketModeClient, request: SocketModeRequest) -> None:
        """Handle one envelope, and acknowledge it when what it says is stored. Not acknowledged, Slack says so or sends it again."""
        if self._stopping:
            return
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 – called from the SDK's task
        self._under_way.add(task)
        try:
            check_depth(request.payload)
            arrived = AsyncBoltRequest(
                mode="socket_mode", body=request.payload, headers=build_headers(request)
            )
            answer = await self._intake.take(arrived, f"envelope:{request.envelope_id}")
            if answer.status == 200:
                await send_async_response(
                    client, request, answer, 0
                )  # the time is for a log that we do not keep
        except Malformed as error:
            log.warning("slack.not_understood", why=str(error))
        except Exception as error:  # noqa: BLE001 – Bolt looks into fields before it knows their types; or the connection went
            log.warning("slack.not_acknowledged", why=type(error).__name__)
        finally:
            self._under_way.discard(task)


class _Handler(AsyncSocketModeHandler):
    """Bolt's handler with our intake before Bolt's app."""

    def __init__(
        self, socket: SocketMode, settings: SlackSettings, intake: Intake, ping_seconds: float
    ) -> None:
        token = settings.app_token
        web = web_client(settings, token=False)
        self._socket = socket
        super().__init__(
            intake.app,
            token.get_secret_value() if token else "",
            logger=_sdk_logger(),
            web_client=web,
            ping_interval=ping_seconds,
        )
        self.client.proxy = web.proxy  # the SDK takes it from the environment, without looking at NO_PROXY
        self.client.message_listeners.append(_greeted)

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]
        await self._socket.take(client, req)


async def _greeted(_client: object, message: dict[str, Any], _raw: str | None) -> None:
    match message.get("type"):
        case "hello":
            log.info("slack.socket_connected")
        case "disconnect":
            log.info("slack.socket_refreshed", why=str(message.get("reason"))[:80])


def _sdk_logger() -> logging.Logger:
    """What the SDK logs of a failed connection holds the connection's address, which is a secret; ours say what happened."""
    logger = logging.getLogger("hitl_middleware.channels.slack.socket.sdk")
    logger.setLevel(logging.CRITICAL)
    return logger
