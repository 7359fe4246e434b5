"""Bodies above the limit are refused before they fill the memory, whatever their headers claim."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.problems import BodyTooLarge


class BodyLimit:
    """ASGI middleware that refuses a declared length above the limit, and stops a stream that passes it."""

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        """Stand in front of ``app``."""
        self.app = app
        self.limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, counting its body's bytes."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        too_long = declared.isdigit() and int(declared[:20]) > self.limit_bytes
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            if too_long:
                raise BodyTooLarge(self.limit_bytes)
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit_bytes:
                raise BodyTooLarge(self.limit_bytes)
            return message

        await self.app(scope, counted, send)
