"""Clients that come in crowds, at a real node: they keep nobody else out."""
from contextlib import ExitStack, suppress
import os
from pathlib import Path
import socket
import time

from node_process import NodeProcess
import pytest
from support.expect import wait_until
from support.http_client import HttpClient

HEAD = b'Host: localhost\r\n'
MOST = 64
CLIENTS, ACCEPTED_AT_ONCE, TURNS = 600, 100, 4
GREEDY, OTHER = '127.0.0.2', '127.0.0.3'


def connect(http: HttpClient, address: str) -> socket.socket:
    """Return a connection of a client with this address."""
    return socket.create_connection((http.address, http.port), 30, source_address=(address, 0))


def status_for(http: HttpClient, address: str) -> bytes:
    """Return the status of one request of a client with this address; empty: it was cut off."""
    with connect(http, address) as client, suppress(ConnectionError):
        client.sendall(b'GET /robot/state HTTP/1.1\r\n' + HEAD + b'Connection: close\r\n\r\n')
        return client.recv(12)[9:]
    return b''


@pytest.mark.parametrize('sent', [
    b'', b'GET / HTTP/1.1\r\nHost: loc',
    b'POST /robot/pause HTTP/1.1\r\n' + HEAD + b'Content-Length: 60000\r\n\r\n{',
], ids=['silent', 'a head', 'a body'])
def test_one_address_cannot_take_all_places(http: HttpClient, sent: bytes) -> None:
    with ExitStack() as open_ones:
        for _ in range(MOST + 20):
            client = open_ones.enter_context(connect(http, GREEDY))
            with suppress(ConnectionError):
                client.sendall(sent)
        assert [status_for(http, OTHER) for _ in range(20)] == [b'200'] * 20
        # Somebody who has no more than others is told that there is no room.
        assert status_for(http, GREEDY) in (b'200', b'503', b'')


def test_answers_that_nobody_reads_take_no_descriptors(
        http: HttpClient, node_with_http: NodeProcess) -> None:
    folder = Path(f'/proc/{node_with_http.pid}/fd')
    before, most = len(os.listdir(folder)), 0
    with ExitStack() as open_ones:
        for _ in range(CLIENTS):
            client = open_ones.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            with suppress(ConnectionError):
                client.connect((http.address, http.port))
                client.sendall((b'GET / HTTP/1.1\r\n' + HEAD + b'\r\n') * 2)
            most = max(most, len(os.listdir(folder)))
        # Beside those that are taken: what the event loop accepts in one turn, and has not closed
        # before the turns after it. Of what is held, there would be all.
        assert most - before <= MOST + TURNS * ACCEPTED_AT_ONCE < CLIENTS
    http.serving()  # who comes before it has seen that they are gone may be cut off
    assert http.get('/robot/state').status == 200
    wait_until(lambda: len(os.listdir(folder)) <= before + 10)


def test_events_clients_that_go_at_once_leave_nothing(
        http: HttpClient, node_with_http: NodeProcess) -> None:
    node_with_http.wait_for('HTTP: the page')
    before = node_with_http.log
    for number in range(200):
        with http.connect() as client:
            client.sendall(b'GET /robot/events HTTP/1.1\r\n' + HEAD + b'\r\n')
            # At any moment of the answer: what is awaited then is what is to be seen.
            time.sleep(number % 20 * 0.0005)
    http.serving()  # as soon as it has seen that they are gone: they are more than it has room for
    for _ in range(100):
        assert http.get('/robot/state').status == 200
    assert node_with_http.log == before


def test_a_body_of_two_lengths_ends_the_connection(http: HttpClient) -> None:
    with http.connect() as client:
        client.sendall(b'POST /robot/pause HTTP/1.1\r\n' + HEAD + b'Content-Length: 3\r\n'
                       b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
                       b'GET /robot/state HTTP/1.1\r\n' + HEAD + b'\r\n')
        heard = b''
        with suppress(ConnectionError):
            while block := client.recv(65536):
                heard += block
    assert heard.startswith(b'HTTP/1.1 400 ')
    assert heard.count(b'HTTP/1.1 ') == 1
