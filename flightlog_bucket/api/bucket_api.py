"""
The REST API of S3BucketProxy: a router for any application of FastAPI.

::

    app.include_router(bucket_api.router, prefix='/bucket')
    bucket_api._set_logger(logger)
"""
from collections.abc import Mapping
import logging
from typing import Optional

from flightlog_bucket import answers, api
from flightlog_bucket.api.backend import BucketBackend
from flightlog_bucket.api.needed import install_command
from flightlog_bucket.errors import FlightlogError, Unavailable
from flightlog_bucket.opened_file import OpenedFile
from flightlog_bucket.threads import WorkerPool

try:
    from fastapi import APIRouter, Query, Request, Response
    from flightlog_bucket.api import descriptions
    from flightlog_bucket.api.downloading import DownloadResponse
    from flightlog_bucket.api.receiving import LingeringAnswer, Receiving
    from flightlog_bucket.api.responses import answer
    from flightlog_bucket.api.routes import BucketRoute
except ModuleNotFoundError as error:
    raise ImportError(f'{error}; the REST API takes three packages more, the extra "http" of'
                      f' flightlog_bucket: {install_command()}') from error

router = APIRouter(route_class=BucketRoute, tags=['bucket'])

# Threads are begun when they are needed. More would not make a disk quicker.
_disk = WorkerPool(4, 'flightlog-reception')


def _set_logger(logger: logging.Logger) -> None:
    """Tell what happens here to the logger of an application."""
    BucketRoute.logger = logger


def backend_of(request: Request) -> BucketBackend:
    """
    Return what stores the logs of the application that a request came to.

    :raises Unavailable: if it has none
    """
    own = getattr(request.app.state, 'proxies', None)
    backend: Optional[BucketBackend] = own.get('bucket') if isinstance(own, Mapping) else None
    if backend is None:  # proxies of other things
        backend = api.get_proxies().get('bucket')
    if backend is None:
        raise Unavailable(
            "there is no proxy 'bucket'; add it to the registry, flightlog_bucket.api.proxies:"
            " proxies['bucket'] = S3BucketProxy(...). A registry of your own is made known by"
            ' flightlog_bucket.api.set_proxies(proxies), or as app.state.proxies')
    return backend


@router.post('/upload', **descriptions.UPLOAD)
async def upload(request: Request) -> Response:
    """Store a flight log; answers when it is stored and its checksum verified."""
    backend = backend_of(request)
    known = await backend.info()
    if 'error' in known:
        return LingeringAnswer(known, known['status'])
    receiving = Receiving(request, backend, _disk)
    try:
        form = await receiving.receive(known['max_file_size'])
    except FlightlogError as error:
        refused = answers.failure(error)
        return answer(refused) if receiving.is_read else LingeringAnswer(refused, error.status)
    result = await backend.upload_received(form.path, enqueue_only=form.enqueue_only)
    outcome = result.get('s3_key') or result.get('error') or 'accepted'
    BucketRoute.logger.info('upload of %s over HTTP: %s', form.path.name, outcome)
    return answer(result)


@router.get('/list', **descriptions.LIST)
async def list_files(request: Request,
                     prefix: str = Query('', description="within the machine's folder"),
                     max_keys: Optional[int] = Query(
                         None, description='at most this many, 1 to 1000; default: all'),
                     continuation_token: str = Query(
                         '', description='next_token of an earlier answer'),
                     machine_id: str = Query('', description="this machine's own"),
                     ) -> Response:
    """List the logs of this machine, by key."""
    return answer(await backend_of(request).list_files(
        machine_id=machine_id, prefix=prefix, max_keys=max_keys,
        continuation_token=continuation_token))


@router.get('/download/{s3_key:s3_key}', **descriptions.DOWNLOAD)
async def download(request: Request, s3_key: str,
                   machine_id: str = Query('', description="this machine's own")) -> Response:
    """Fetch a log, or a part of it; what arrives whole is what S3 stores, or ends too early."""
    opened = await backend_of(request).open_file(
        s3_key, machine_id, byte_range=request.headers.get('range', ''),
        if_range=request.headers.get('if-range', ''))
    if isinstance(opened, OpenedFile):
        return DownloadResponse(opened, BucketRoute.logger)
    return answer(opened)


@router.delete('/delete/{s3_key:s3_key}', **descriptions.DELETE)
async def delete(request: Request, s3_key: str,
                 machine_id: str = Query('', description="this machine's own")) -> Response:
    """Delete a log from the bucket; files on the robot are not touched."""
    return answer(await backend_of(request).delete_file(s3_key, machine_id))


@router.get('/info', **descriptions.INFO)
async def info(request: Request) -> Response:
    """Tell how the connection is set, and how the session token stands; needs no network."""
    return answer(await backend_of(request).info())
