"""The API of the page: how the robot stands, what it has to do, and what is stored."""
from typing import Annotated, Any, Optional

from fastapi import APIRouter, Body, Query, Response
from flightlog_bucket.api.responses import Answer
from flightlog_bucket.api.routes import BucketRoute
from flightlog_bucket.errors import FlightlogError, InvalidRequest
from flightlog_bucket.web import field_answers, field_transfers
from flightlog_bucket.web.event_stream import EventStream, MEDIA_TYPE
from flightlog_bucket.web.events import Hub
from flightlog_bucket.web.field_answers import failures, responses
from flightlog_bucket.web.field_requests import Named, named_paths, Pause
from flightlog_bucket.web.field_state import robot_state
from flightlog_bucket.web.field_words import succeeded
from flightlog_bucket.web.robot import Robot
from flightlog_bucket.web.stored_logs import StoredLogs, USUAL_LOGS, wanted_from

_TAG = 'robot'


def field_router(robot: Robot, hub: Hub) -> APIRouter:
    """
    Return the routes, for the prefix ``/robot``.

    :param robot: that is shown, and steered
    :param hub: tells its clients what happens
    """
    router = APIRouter(route_class=BucketRoute, tags=[_TAG])
    _add_state(router, robot, hub)
    _add_transfers(router, robot, hub)
    _add_logs(router, StoredLogs(robot, hub.work))
    _add_steering(router, robot, hub)
    return router


def _add_state(router: APIRouter, robot: Robot, hub: Hub) -> None:
    @router.get('/state', responses=responses(field_answers.State), response_model=None)
    async def state() -> Response:
        """Tell how the robot stands; needs no network."""
        return Answer(await hub.work.of_state(robot_state, robot))

    @router.get('/events', response_model=None, response_class=Response, responses={
        200: {'content': {MEDIA_TYPE: {'schema': {'type': 'string'}}},
              'description': 'Events "transfers" and "state", as long as the client reads.'},
        **failures()})
    async def events() -> Response:
        """
        Tell what happens, as it happens: server-sent events.

        Events "transfers" tell in "whole" whether these are all that are not stored, or those
        that have changed; events "state" are as of /robot/state.
        """
        return EventStream(hub)


def _add_transfers(router: APIRouter, robot: Robot, hub: Hub) -> None:
    @router.get('/transfers', responses=responses(field_answers.Transfers), response_model=None)
    async def transfers(
            states: Annotated[str, Query(
                description='Only uploads in these: queued, uploading, stored, rejected, with'
                            ' commas between them; none: all but the stored ones')] = '',
            most: Annotated[int, Query(
                ge=0, description='At most so many, up to 1000; 0: 1000'
                )] = field_transfers.USUAL_TRANSFERS) -> Response:
        """List the transfers: those under way, then those that wait, then rejected ones."""
        wanted = [state.strip() for state in states.split(',') if state.strip()]
        return Answer(await hub.work.on_disk(field_transfers.listed, robot, wanted, most))


def _add_logs(router: APIRouter, stored: StoredLogs) -> None:
    @router.get('/logs', responses=responses(field_answers.Logs), response_model=None)
    async def logs(
            text: Annotated[str, Query(description='Words that the name must have')] = '',
            since: Annotated[str, Query(
                description='Logs that began on this day or later, YYYY-MM-DD, UTC')] = '',
            until: Annotated[str, Query(
                description='Logs that began on this day or before, YYYY-MM-DD, UTC')] = '',
            topic: Annotated[str, Query(
                description='Part of the name of a topic; only of logs that this robot has stored'
                            ' itself')] = '',
            cursor: Annotated[str, Query(description='next_cursor of an earlier answer')] = '',
            most: Annotated[int, Query(
                ge=0, description='At most so many, up to 200; 0: 200')] = USUAL_LOGS) -> Response:
        """List stored logs, the newest first; those whose names tell no time come last."""
        return Answer(await stored.find(wanted_from(text, since, until, topic), cursor, most))


def _add_steering(router: APIRouter, robot: Robot, hub: Hub) -> None:
    @router.post('/retry', responses=responses(field_answers.Retried, 404), response_model=None)
    async def retry(named: Annotated[Optional[Named], Body()] = None) -> Response:
        """Try uploads again now: these, or all that wait or were rejected."""
        def again() -> int:
            return robot.uploads.retry(named_paths(robot, named))
        return Answer(succeeded({'retried': await hub.work.on_disk(again)}))

    @router.post('/discard', responses=responses(field_answers.Discarded, 404),
                 response_model=None)
    async def discard(named: Named) -> Response:
        """Delete logs that came over HTTP and were rejected; no other file is ever deleted."""
        def discard_all() -> int:
            return _discard(robot, named)
        try:
            return Answer(succeeded({'discarded': await hub.work.on_disk(discard_all)}))
        finally:
            hub.refresh()  # what is gone does not change any more

    @router.post('/pause', responses=responses(field_answers.Paused), response_model=None)
    async def pause(wanted: Pause) -> Response:
        """Stop all uploads within a second, or let them go on."""
        await hub.work.in_order(robot.uploads.set_paused, wanted.paused)
        return Answer(succeeded({'paused': wanted.paused}))


def _discard(robot: Robot, named: Named) -> int:
    paths: Any = dict.fromkeys(named_paths(robot, named))
    if not paths:
        raise InvalidRequest('neither paths nor ids are given; give those of rejected logs that'
                             ' came over HTTP')
    for number, path in enumerate(paths):
        try:
            robot.received.discard(path)
        except FlightlogError as error:
            if number:
                error.args = (f'{error}; {number} of {len(paths)} were discarded before',)
            raise
    return len(paths)
