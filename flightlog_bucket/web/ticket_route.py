"""POST /robot/ticket: a link for a download, for who has the token."""
from fastapi import APIRouter
from flightlog_bucket.api.routes import BucketRoute
from flightlog_bucket.storage import keys
from flightlog_bucket.web.field_answers import responses
from flightlog_bucket.web.tickets import LIFE_S, Tickets
from pydantic import BaseModel


class TicketRequest(BaseModel):
    """Which log the link is for."""

    s3_key: str


class Ticket(BaseModel):
    """What goes into the link, as its query ``ticket``; good for one log, for some minutes."""

    success: bool
    status: int
    ticket: str
    expires_in_s: int


def ticket_router(machine_prefix: str, tickets: Tickets) -> APIRouter:
    """
    Return the route, for the prefix ``/robot``.

    :param machine_prefix: of the keys that there are tickets for
    :param tickets: makes them
    """
    router = APIRouter(route_class=BucketRoute, tags=['robot'])

    @router.post('/ticket', response_model=Ticket, responses=responses(Ticket))
    async def ticket(wanted: TicketRequest) -> Ticket:
        """Return a ticket for GET /bucket/download/{s3_key}?ticket=..., in place of the token."""
        keys.check_own_key(wanted.s3_key, machine_prefix)
        return Ticket(success=True, status=200, ticket=tickets.issue(wanted.s3_key),
                      expires_in_s=LIFE_S)
    return router
