"""The application: what is served where, and behind which checks."""
from http import HTTPStatus
from typing import Optional

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
import flightlog_bucket
from flightlog_bucket.api import bucket_api
from flightlog_bucket.api.descriptions import Failure
from flightlog_bucket.web.asgi import App
from flightlog_bucket.web.events import Hub
from flightlog_bucket.web.field_api import field_router
from flightlog_bucket.web.guard import Gate, Lock
from flightlog_bucket.web.headers import Headers
from flightlog_bucket.web.hosts import KnownHosts, KnownOrigins
from flightlog_bucket.web.limits import Limits
from flightlog_bucket.web.lingering import Lingering
from flightlog_bucket.web.page import load
from flightlog_bucket.web.robot import Robot
from flightlog_bucket.web.ticket_route import ticket_router
from flightlog_bucket.web.tickets import Tickets
from flightlog_bucket.web.token_file import TokenFile
from starlette.datastructures import Headers as RequestHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse

_DESCRIPTION = ('Gets every flight log off this robot and into S3. Errors are'
                ' {"error": what happened and what to do, "status": the HTTP status}.')
_OF_GUARDS = {
    401: 'no token, or not the right one', 403: "another server's page, or another machine's log",
    413: 'too large', 421: 'sent to a name that this computer does not have',
    503: 'too much at once; Retry-After tells when to come back'}
_TOLD_OTHERS = ('Accept-Ranges', 'Content-Disposition', 'Content-Range', 'ETag', 'Last-Modified',
                'Retry-After', 'WWW-Authenticate')


def application(robot: Robot, hub: Hub, token: Optional[TokenFile]) -> App:
    """
    Return what answers all requests.

    :param robot: that is served
    :param hub: tells of its transfers
    :param token: that requests must have; None: none is needed
    """
    http, tickets = robot.settings.http, Tickets()
    app: App = Limits(_routes(robot, hub, tickets, needs_token=token is not None))
    if token is not None:
        app = Lock(app, token, tickets)
    if http.cors_origins:
        app = _Cors(
            app, allow_origins=http.cors_origins, allow_methods=('GET', 'POST', 'DELETE'),
            allow_headers=('Authorization', 'Content-Type', 'If-Range', 'Range'),
            expose_headers=_TOLD_OTHERS)
    return Headers(Lingering(Gate(app, KnownHosts(http.allowed_hosts),
                                  KnownOrigins(http.cors_origins))))


class _Cors(CORSMiddleware):
    """Refuses as all of the REST API does."""

    def preflight_response(self, request_headers: RequestHeaders) -> Response:
        """Tell a browser what a page of another server may ask for."""
        answer = super().preflight_response(request_headers)
        if answer.status_code == HTTPStatus.OK:
            return answer
        return JSONResponse(
            {'error': bytes(answer.body).decode(), 'status': answer.status_code},
            answer.status_code)


def _routes(robot: Robot, hub: Hub, tickets: Tickets, *, needs_token: bool) -> FastAPI:
    # The pages that show an OpenAPI description come from elsewhere; a robot has no way there.
    app = FastAPI(
        title='flightlog_bucket', version=flightlog_bucket.__version__, description=_DESCRIPTION,
        docs_url=None, redoc_url=None, redirect_slashes=False,
        # It checks nothing: it says in the description what Lock does.
        dependencies=[Depends(HTTPBearer(auto_error=False))] if needs_token else [])
    app.state.proxies = {'bucket': robot.backend}
    app.include_router(bucket_api.router, prefix='/bucket', responses={
        status: {'model': Failure, 'description': what} for status, what in _OF_GUARDS.items()})
    app.include_router(field_router(robot, hub), prefix='/robot')
    app.include_router(ticket_router(robot.settings.bucket.machine_prefix, tickets),
                       prefix='/robot')
    _add_page(app)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _refused)
    return app


def _add_page(app: FastAPI) -> None:
    page = load()

    @app.api_route('/', methods=['GET', 'HEAD'], include_in_schema=False)
    async def show_page() -> Response:
        # Starlette adds the charset.
        return Response(page.content, media_type='text/html',
                        headers={'Content-Security-Policy': page.policy})


def _refused(request: Request, error: Exception) -> Response:
    """Say in the words of the REST API what the routes themselves refuse."""
    if isinstance(error, HTTPException):
        said = {404: 'there is nothing at this path; /openapi.json tells what is where',
                405: f'{request.method} is not possible at this path'}
        return JSONResponse({'error': said.get(error.status_code, str(error.detail)),
                             'status': error.status_code}, error.status_code, error.headers)
    return JSONResponse({'error': 'the request does not fit /openapi.json', 'status': 400}, 400)
