"""What every answer shares, whoever gives it: HEAD as GET without the body, and careful headers."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CAREFUL = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
_NOT_KEPT = (b"cache-control", b"no-store")


class AnswerHeaders:
    """ASGI middleware: answers HEAD, and lets no cache keep what doesn't say that it may."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand in front of ``app``."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"

        async def send_carefully(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                given = {name.lower() for name, _ in headers}
                headers += [header for header in _CAREFUL if header[0] not in given]
                if b"cache-control" not in given:
                    headers.append(_NOT_KEPT)
                message = {**message, "headers": headers}
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        if is_head:
            # The same dictionary: what routing notes in it (the route) the telemetry outside reads.
            scope["method"] = "GET"
        try:
            await self.app(scope, receive, send_carefully)
        finally:
            if is_head:
                scope["method"] = "HEAD"
