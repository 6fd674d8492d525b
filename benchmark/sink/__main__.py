"""
The sink, as a process: ``python -m benchmark.sink ROOT [CERTIFICATE KEY]``.

It says on standard output where it listens. Every connection gets a process of its own, so that
none waits for the interpreter lock of another.
"""
import os
from pathlib import Path
import signal
import socket
import ssl
import sys
from typing import Optional

from benchmark.sink.connection import Connection
from benchmark.sink.records import Records
from benchmark.sink.requests import serve


def main() -> None:
    """Accept connections until a signal ends the process."""
    records = Records(Path(sys.argv[1]))
    tls: Optional[ssl.SSLContext] = None
    if len(sys.argv) > 2:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*sys.argv[2:4])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the benchmark, which ends this
    with socket.create_server(('127.0.0.1', 0), backlog=256) as listener:
        scheme = 'https' if tls else 'http'
        print(f'{scheme}://127.0.0.1:{listener.getsockname()[1]}', flush=True)
        while True:
            peer = listener.accept()[0]
            with peer:
                if os.fork():
                    continue
                listener.close()
                _serve(peer, tls, records)
                os._exit(0)


def _serve(peer: socket.socket, tls: Optional[ssl.SSLContext], records: Records) -> None:
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        if tls is not None:
            peer = tls.wrap_socket(peer, server_side=True)
        serve(Connection(peer), records)
    except (OSError, ValueError) as error:
        print(f'a connection ended: {error}', file=sys.stderr)


if __name__ == '__main__':
    main()
