"""Routes whose errors are those of S3BucketProxy, whatever application they are part of."""
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

_log = logging.getLogger(__name__)


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

    logger: ClassVar[logging.Logger] = _log
    """Is told what happens: of the node, or of an application that sets its own."""

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
            except Exception as error:
                self.logger.exception('%s %r failed', request.method, request.scope['path'])
                return self._surprise(error)
        return handle

    def _surprise(self, error: Exception) -> Response:
        """Return the answer that a service of ROS gives."""
        where = 'the log of the node' if self.logger is _log else 'the log'
        return answer({'error': f'internal error, see {where}: {type(error).__name__}',
                       'status': 500})


def _what_is_wrong(error: RequestValidationError) -> str:
    found = [f'{".".join(str(part) for part in one["loc"][1:]) or "the request"}: {one["msg"]}'
             for one in error.errors()]
    return '; '.join(found)
