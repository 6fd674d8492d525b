"""A proxy between a client and an S3 server that breaks things when a test says so."""
from collections.abc import Callable, Iterator
from contextlib import contextmanager, ExitStack
from functools import partial
import socket
import threading
from types import TracebackType
from typing import BinaryIO, Optional, Union
from urllib.parse import urlsplit

from support.faults import (
    CutAnswer,
    Delay,
    Exchange,
    Fault,
    LoseAnswer,
    Page,
    Reply,
    ResetUpload,
    Rule,
    Swallow,
    Tap,
)
from support.http_client import kept_port
from support.http_relay import body_blocks, Head, read_head, relay_answer
from support.sockets import has_hung_up, reset, send_if_open


class FaultProxy:
    """
    Passes on HTTP from a loopback port to ``upstream_url``, and breaks what ``fail`` says.

    The client's ``Host`` header is kept, so signatures stay valid. The proxy can be changed
    at any time, from any thread.

    :param upstream_url: e.g. ``Sandbox.endpoint_url``
    """

    def __init__(self, upstream_url: str) -> None:
        parts = urlsplit(upstream_url)
        self._upstream = (parts.hostname or '', parts.port or 80)
        self._changed = threading.Condition()
        self._rules: list[Rule] = []
        self._exchanges: list[Exchange] = []
        self._open: set[socket.socket] = set()
        self._connections = 0
        self._black_hole = False
        self._era = 0  # counts the calls of heal: what was swallowed before is let go
        self._keeping = ExitStack()  # of the port: nobody else gets it while this refuses
        self._port = 0
        self._listener: Optional[socket.socket] = None

    def __enter__(self) -> 'FaultProxy':
        self._port = self._keeping.enter_context(kept_port())
        self._listen()
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.refuse()
        self._keeping.close()

    @property
    def url(self) -> str:
        """What the client takes for the S3 server."""
        return f'http://127.0.0.1:{self._port}'

    @property
    def exchanges(self) -> list[Exchange]:
        """Every request so far."""
        with self._changed:
            return list(self._exchanges)

    @property
    def connections(self) -> int:
        """How many connections were accepted so far."""
        with self._changed:
            return self._connections

    def count(self, method: Optional[str] = None, kind: Optional[str] = None) -> int:
        """Count the requests, e.g. ``count('PUT', 'uploadId')`` for the parts of uploads."""
        return sum(method in (None, e.method) and kind in (None, e.kind) for e in self.exchanges)

    def bytes_by_connection(self) -> dict[int, int]:
        """Return the bytes of request bodies that came over each connection."""
        sums: dict[int, int] = {}
        for exchange in self.exchanges:
            sums[exchange.connection] = sums.get(exchange.connection, 0) + exchange.body_bytes
        return sums

    def fail(self, fault: Fault, times: Optional[int] = 1, *, method: Optional[str] = None,
             kind: Optional[str] = None, key: Optional[str] = None,
             header: Optional[str] = None) -> None:
        """
        Break the next requests that match; of several rules the first that matches counts.

        :param times: how many requests; None: all until ``heal``
        :param method: e.g. ``PUT``
        :param kind: ``uploads``, ``uploadId``, ``list-type``, or empty for a plain object
        :param key: the end of the path
        :param header: that the request has
        """
        with self._changed:
            self._rules.append(Rule(fault, times, method, kind, key, header))

    def black_hole(self) -> None:
        """From now on accept connections, and neither read nor answer, until ``heal``."""
        with self._changed:
            self._black_hole = True

    def refuse(self) -> None:
        """Close the port and reset all connections, until ``heal``."""
        with self._changed:
            listener, self._listener = self._listener, None
            self._era += 1
            self._changed.notify_all()
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.reset_all()

    def reset_all(self) -> None:
        """Reset every open connection."""
        with self._changed:
            for connection in self._open:
                reset(connection)
            self._open.clear()

    def heal(self) -> None:
        """Forget all faults; what is held in a black hole is reset."""
        with self._changed:
            held = self._black_hole
            self._black_hole = False
            self._rules.clear()
            self._era += 1
            self._changed.notify_all()
        if held:
            self.reset_all()
        if self._listener is None:
            self._listen()

    def wait_until(self, condition: Callable[[list[Exchange]], bool],
                   timeout_s: float = 20.0) -> None:
        """Wait until the requests are as ``condition`` wants them."""
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self._exchanges), timeout_s):
                raise TimeoutError(f'after {timeout_s} s: {self._exchanges}')

    def wait_for_connections(self, count: int, timeout_s: float = 20.0) -> None:
        """Wait until ``count`` connections were accepted in all."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._connections >= count, timeout_s):
                raise TimeoutError(f'{self._connections} of {count} connections')

    def _listen(self) -> None:
        self._listener = socket.create_server(('127.0.0.1', self._port), backlog=64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # the listener was closed
            with self._changed:
                if self._listener is not listener:
                    reset(client)
                    client.close()
                    return
                self._connections += 1
                number = self._connections
                self._open.add(client)
                self._changed.notify_all()
            threading.Thread(target=self._serve, args=(client, number), daemon=True).start()

    def _serve(self, client: socket.socket, number: int) -> None:
        try:
            with client, client.makefile('rb') as stream:
                while self._serve_one(client, stream, number):
                    pass
        except (OSError, ValueError):
            pass  # either side has closed
        finally:
            with self._changed:
                self._open.discard(client)

    def _serve_one(self, client: socket.socket, stream: BinaryIO, number: int) -> bool:
        self._hold(lambda: self._black_hole)
        head = read_head(stream)
        self._hold(lambda: self._black_hole)
        exchange, fault, era = self._begin(head, client, number)
        if isinstance(fault, Swallow):
            self._hold(lambda: True, era)
        if head.get('Expect'):
            client.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')
        is_heard = False
        try:
            if isinstance(fault, (Reply, Page)):
                can_go_on = self._reply(fault, client, stream, head, exchange)
            else:
                can_go_on = self._pass_on(fault, client, stream, head, exchange)
            is_heard = exchange.status > 0 and not has_hung_up(client)
        finally:
            with self._changed:
                exchange.end(is_heard=is_heard)
                self._changed.notify_all()
        return can_go_on

    def _begin(self, head: Head, client: socket.socket,
               number: int) -> tuple[Exchange, Optional[Fault], int]:
        with self._changed:
            if client not in self._open:
                raise ConnectionError('reset before it was heard')
            exchange = Exchange.of(head, number)
            self._exchanges.append(exchange)
            self._changed.notify_all()
            rule = next((r for r in self._rules if r.matches(head)), None)
            if rule is not None and rule.left is not None:
                rule.left -= 1
            return exchange, rule.fault if rule else None, self._era

    def _reply(self, fault: Union[Reply, Page], client: socket.socket, stream: BinaryIO,
               head: Head, exchange: Exchange) -> bool:
        for block in body_blocks(stream, head):
            self._received(exchange, block)
        page = fault if isinstance(fault, Page) else fault.page()
        exchange.status = page.status
        client.sendall(page.encoded(head.method))
        return True

    def _pass_on(self, fault: Optional[Fault], client: socket.socket, stream: BinaryIO,
                 head: Head, exchange: Exchange) -> bool:
        if isinstance(fault, Delay):
            self._pause(fault.seconds)
        with self._to_upstream() as upstream, upstream.makefile('rb') as answers:
            upstream.sendall(head.encoded(without=('expect', 'connection'),
                                          add=('Connection: close',)))
            for block in body_blocks(stream, head):
                self._hold(lambda: self._black_hole)
                if isinstance(fault, Tap) and fault.request:
                    block = fault.request(exchange.body_bytes, block)
                self._received(exchange, block)
                if isinstance(fault, ResetUpload) and exchange.body_bytes >= fault.after_bytes:
                    reset(client)
                    return False
                send_if_open(upstream, block)
            if isinstance(fault, LoseAnswer):
                read_head(answers)
                fault.meanwhile()
                reset(client)
                return False
            return relay_answer(answers, client, head.method,
                                lambda block: self._admit(exchange, client, block, fault),
                                partial(setattr, exchange, 'status'))

    def _received(self, exchange: Exchange, block: bytes) -> None:
        with self._changed:
            exchange.body_bytes += len(block)
            self._changed.notify_all()

    def _admit(self, exchange: Exchange, client: socket.socket, block: bytes,
               fault: Optional[Fault]) -> bytes:
        self._hold(lambda: self._black_hole)
        if isinstance(fault, Tap) and fault.answer:
            block = fault.answer(exchange.answer_bytes, block)
        limit = fault.after_bytes if isinstance(fault, CutAnswer) else None
        is_cut = limit is not None and exchange.answer_bytes + len(block) > limit
        if limit is not None and is_cut:
            block = block[:max(0, limit - exchange.answer_bytes)]
        with self._changed:
            exchange.answer_bytes += len(block)
            self._changed.notify_all()
        if is_cut:
            client.sendall(block)
            raise ConnectionError('cut')
        return block

    def _hold(self, is_held: Callable[[], bool], since: Optional[int] = None) -> None:
        with self._changed:
            if not is_held():
                return
            era = self._era if since is None else since
            self._changed.wait_for(lambda: self._era != era)
        raise ConnectionError('let go')

    def _pause(self, seconds: float) -> None:
        with self._changed:
            era = self._era
            self._changed.wait_for(lambda: self._era != era, seconds)

    @contextmanager
    def _to_upstream(self) -> Iterator[socket.socket]:
        with socket.create_connection(self._upstream) as upstream:
            with self._changed:
                self._open.add(upstream)
            try:
                yield upstream
            finally:
                with self._changed:
                    self._open.discard(upstream)
