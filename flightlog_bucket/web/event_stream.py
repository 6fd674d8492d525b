"""The answer that goes on until its client goes."""
from flightlog_bucket.api.responses import refusal
from flightlog_bucket.errors import Busy
from flightlog_bucket.web.events import Hub
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

MEDIA_TYPE = 'text/event-stream'
RETRY_AFTER_S = 5


class EventStream(Response):
    """
    Tells one client what happens; with 503 where there are too many.

    :param hub: knows what happens
    """

    media_type = MEDIA_TYPE

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it."""
        try:
            client = self._hub.join()
        except Busy as error:
            busy = refusal(error)
            busy.headers['Retry-After'] = str(RETRY_AFTER_S)
            await busy(scope, receive, send)
            return
        messages = self._hub.messages(client)
        try:
            # What a proxy on the way keeps back, is no news any more.
            await StreamingResponse(messages, media_type=MEDIA_TYPE,
                                    headers={'X-Accel-Buffering': 'no'})(scope, receive, send)
        finally:
            self._hub.leave(client)
            await messages.aclose()
