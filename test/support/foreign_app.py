"""Somebody else's application of FastAPI, as the document integrates it, in its own process."""
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json
import logging
import os
from pathlib import Path
import socket
import subprocess
import sys
import threading
from types import TracebackType
from typing import Any, Optional

from support.http_client import HttpClient
from support.tree import below

TEST = Path(__file__).resolve().parents[1]
_START_S = 60.0


class ForeignApp:
    """
    The application, while it runs; ``client`` asks it.

    :param directory: for its log
    :param options: of ``S3BucketProxy``
    """

    def __init__(self, directory: Path, **options: Any) -> None:
        self.log = directory / 'app.log'
        self._options = {**options, 'received_directory': str(directory / 'received')}
        self.received = directory / 'received'
        self._process: Optional[subprocess.Popen[str]] = None

    def __enter__(self) -> 'ForeignApp':
        environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(
            [str(TEST), str(TEST.parent), os.environ.get('PYTHONPATH', '')])}
        with open(self.log, 'w') as log:
            self._process = subprocess.Popen(
                [sys.executable, '-W', 'error', __file__, json.dumps(self._options)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                env=environment)
        try:
            self.client = HttpClient(self._port())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process is not None
        return self._process.pid

    @property
    def left(self) -> list[Path]:
        """What lies where logs are received."""
        return below(self.received)

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _port(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        late = threading.Timer(_START_S, self._process.kill)
        late.start()
        try:
            line = self._process.stdout.readline()
        finally:
            late.cancel()
        assert line, self.log.read_text()
        return int(line)

    def _end(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(_START_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


def _serve(options: dict[str, Any]) -> None:
    from fastapi import FastAPI
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import PlainTextResponse
    from flightlog_bucket import S3BucketProxy
    import uvicorn

    logger = logging.getLogger('somebody.else')
    logging.basicConfig(level=logging.INFO)

    # Step 1 of the document: configure the proxy, and add it to the registry.
    from flightlog_bucket.api import proxies
    bucket_proxy = S3BucketProxy(**options)
    proxies['bucket'] = bucket_proxy

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await bucket_proxy.start()
        yield
        await bucket_proxy.stop()

    app = FastAPI(lifespan=lifespan)

    @app.exception_handler(RequestValidationError)
    async def own_words(request: object, error: Exception) -> PlainTextResponse:
        return PlainTextResponse('words of somebody else', 418)

    @app.get('/own')
    async def own(number: int) -> dict[str, int]:
        return {'number': number}

    @app.get('/threads')
    async def threads() -> list[str]:
        return sorted(thread.name for thread in threading.enumerate())

    # Step 2: include the router.
    from flightlog_bucket.api import bucket_api
    app.include_router(bucket_api.router, prefix='/bucket')

    # Step 3: set the logger.
    bucket_api._set_logger(logger)

    with socket.create_server(('127.0.0.1', 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=5))
        server.run([listener])


if __name__ == '__main__':
    _serve(json.loads(sys.argv[1]))
