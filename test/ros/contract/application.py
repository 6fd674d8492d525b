"""Somebody else's application of FastAPI, which includes the router of the REST API."""
import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
import socket

from fastapi import FastAPI
from flightlog_bucket import S3BucketProxy
from flightlog_bucket.api import bucket_api
import uvicorn

_WAIT_S = 30.0


@contextmanager
def application(proxy: S3BucketProxy, loop: asyncio.AbstractEventLoop) -> Iterator[int]:
    """
    Serve the REST API of a proxy, and return the port.

    :param proxy: started
    :param loop: that the proxy was started in, and that runs in another thread
    """
    app = FastAPI()
    app.state.proxies = {'bucket': proxy}
    app.include_router(bucket_api.router, prefix='/bucket')
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan='off'))
    with socket.create_server(('127.0.0.1', 0)) as listener:
        serving = asyncio.run_coroutine_threadsafe(server.serve([listener]), loop)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            serving.result(_WAIT_S)
