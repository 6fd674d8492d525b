"""Routes whose errors are the document's, whatever application they are part of."""
from collections.abc import Callable, Coroutine
import logging
from typing import Any, ClassVar

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from flightlog_bucket.api.responses import answer, refusal
from flightlog_bucket.errors import FlightlogError, InvalidRequest
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class _KeyConvertor(Convertor[str]):
    """The rest of a path. Starlette's own ends at a line end, which is to be refused by name."""

    regex = r'[\s\S]*'

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor('s3_key', _KeyConvertor())


class BucketRoute(APIRoute):
    """Answers ``{"error", "status"}`` also where FastAPI would find words of its own."""

    logger: ClassVar[logging.Logger] = logging.getLogger(__name__)
    """Is told what happens."""

    def get_route_handler(self) -> _Handler:
        """Return the handler of FastAPI, its errors turned into answers."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestValidationError as error:
                return refusal(InvalidRequest(_what_is_wrong(error)))
            except FlightlogError as error:
                return refusal(error)
            except (HTTPException, StarletteHTTPException):
                raise  # of the application: it knows how to answer
            except ClientDisconnect:
                return Response(status_code=499)  # nobody reads it
            except Exception:
                self.logger.exception('%s %r failed', request.method, request.scope['path'])
                return answer({'error': 'something went wrong that should not; the log of the'
                                        ' server tells more', 'status': 500})
        return handle


def _what_is_wrong(error: RequestValidationError) -> str:
    found = [f'{".".join(str(part) for part in one["loc"][1:]) or "the request"}: {one["msg"]}'
             for one in error.errors()]
    return '; '.join(found)
