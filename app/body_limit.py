"""Bodies above the limit are refused before they fill the memory, whatever their headers claim."""

import asyncio
import contextlib
from typing import NoReturn

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.problems import BodyTooLarge

DRAINED_BYTES_MOST = 16 * 1024 * 1024
DRAINED_SECONDS_MOST = 5.0


class BodyLimit:
    """ASGI middleware that refuses a declared length above the limit, and stops a stream that passes it.

    What the sender still sends is read and thrown away before the refusal, within bounds: closing a
    connection on unread bytes resets it, and the sender would never see why.
    """

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        """Stand in front of ``app``."""
        self.app = app
        self.limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, counting its body's bytes."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        too_long = declared.isdigit() and int(declared[:20]) > self.limit_bytes
        # Who asks first whether to send has not sent anything yet, and after the answer won't.
        asks_first = headers.get(b"expect", b"").lower() == b"100-continue"
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            if too_long:
                await self._refuse(receive, drain=not asks_first)
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit_bytes:
                await self._refuse(receive, drain=message.get("more_body", False))
            return message

        await self.app(scope, counted, send)

    async def _refuse(self, receive: Receive, *, drain: bool) -> NoReturn:
        if drain:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAINED_SECONDS_MOST):
                    await _drain(receive)
        raise BodyTooLarge(self.limit_bytes)


async def _drain(receive: Receive) -> None:
    left, more = DRAINED_BYTES_MOST, True
    while more and left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
