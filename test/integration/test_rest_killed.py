"""Somebody else's application is killed while logs that have arrived wait for their turn."""
from contextlib import ExitStack, suppress
import os
from pathlib import Path

from flightlog_bucket.sandbox import Sandbox
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.faults import Swallow
from support.foreign_app import ForeignApp
from support.http_client import form
from support.logs import START_NS, write_dated_log


def nameless_in(process: int, directory: Path) -> int:
    """Return how many files without a name, to be read, a process has open in a folder."""
    found = set()
    for number in os.listdir(f'/proc/{process}/fd'):
        with suppress(OSError):
            path = os.readlink(f'/proc/{process}/fd/{number}')
            # A file that is still written never had a name: "#" and the number of its inode.
            if path.startswith(str(directory)) and path.endswith('.ulg (deleted)'):
                found.add(path)
    return len(found)


def test_a_process_that_is_killed_leaves_nothing_of_what_waits_for_its_turn(
        sandbox: Sandbox, proxy: FaultProxy, machine: str, tmp_path: Path) -> None:
    with ForeignApp(tmp_path, session_token_url=sandbox.session_token_url,
                    bucket_name=sandbox.bucket_name, robot_instance_id=machine,
                    endpoint_url=proxy.url) as app, ExitStack() as connections:
        proxy.fail(Swallow(), None)
        for number in range(7):  # more than there are threads
            body, kind = form(f'x{number}.ulg', write_dated_log(
                tmp_path / f'x{number}.ulg', START_NS + number * 10 ** 9).read_bytes())
            connections.enter_context(app.client.connect()).sendall(
                f'POST /bucket/upload HTTP/1.1\r\nHost: robot\r\nContent-Type: {kind}\r\n'
                f'Content-Length: {len(body)}\r\n\r\n'.encode() + body)
        # All have arrived: each is open, and has no name.
        wait_until(lambda: nameless_in(app.pid, app.received) == 7)
        app.kill()
        assert app.left == []
