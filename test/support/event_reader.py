"""Reads server-sent events, as the page does."""
from collections.abc import Callable
import http.client
import json
import time
from typing import Any, NamedTuple, Optional

from support.http_client import HttpClient, WAIT_S


class Event(NamedTuple):
    """What a server tells; a comment has no name, and no data."""

    name: str
    data: Any


class EventReader:
    """
    One connection that reads events.

    :param client: of the server
    """

    def __init__(self, client: HttpClient) -> None:
        self._connection = http.client.HTTPConnection(client.address, client.port, timeout=WAIT_S)
        self._connection.request('GET', '/robot/events')
        self.answer = self._connection.getresponse()

    def __enter__(self) -> 'EventReader':
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self.answer.close()
        self._connection.close()

    def next(self) -> Optional[Event]:
        """Return the next one; None: the server has ended the stream."""
        name, data = '', None
        while line := self.answer.readline().decode():
            if line == '\n':
                return Event(name, data)
            field, _, value = line.rstrip('\n').partition(': ')
            if field == 'event':
                name = value
            elif field == 'data':
                data = json.loads(value)
        return None

    def until(self, name: str, condition: Callable[[Any], object] = lambda data: True) -> Any:
        """Return the data of the next event of this name that fulfils a condition."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            event = self.next()
            assert event is not None, f'the stream has ended before such a {name}'
            if event.name == name and condition(event.data):
                return event.data
        raise AssertionError(f'there is no such {name}')


def states(data: Any) -> dict[str, str]:
    """Return the state of each transfer of an event or a list, by name."""
    return {transfer['name']: transfer['state'] for transfer in data['transfers']}
