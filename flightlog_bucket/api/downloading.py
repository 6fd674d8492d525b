"""The answer that a log is downloaded with."""
from collections.abc import AsyncIterator
from datetime import timezone
from email.utils import format_datetime
import logging
import re
from typing import Optional
from urllib.parse import quote

from fastapi.responses import StreamingResponse
from flightlog_bucket.api.descriptions import CONTENT_TYPES
from flightlog_bucket.errors import FlightlogError
from flightlog_bucket.opened_file import OpenedFile
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

_NOT_PLAIN = re.compile(r'[^A-Za-z0-9 ._+@=,()-]')


class DownloadResponse(StreamingResponse):
    """
    A log, or a part of it, as it arrives from S3 (RFC 9110, section 14).

    Where it cannot go on, the connection is broken off: whoever reads sees that bytes are missing.

    :param opened: is closed, whatever happens
    :param logger: is told where it breaks off
    """

    def __init__(self, opened: OpenedFile, logger: logging.Logger) -> None:
        self._opened = opened
        self._logger = logger
        self._failure: Optional[FlightlogError] = None
        super().__init__(self._blocks(), 206 if opened.is_range else 200, _headers(opened),
                         media_type=_media_type(opened.content_type))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        except ClientDisconnect:
            pass  # nobody reads it any more
        except Exception:
            if self._failure is None:  # it can come in a group of errors
                raise
            # To return before the end is how a server is told to break the connection off.
            self._logger.warning('the download of %s over HTTP broke off: %s',
                                 self._opened.filename, self._failure)
        finally:
            self._opened.blocks.close()

    async def _blocks(self) -> AsyncIterator[bytes]:
        try:
            async for block in self._opened.blocks:
                yield block
        except FlightlogError as error:
            self._failure = error
            raise


def _headers(opened: OpenedFile) -> dict[str, str]:
    headers = {
        'Accept-Ranges': 'bytes', 'Content-Length': str(opened.length),
        'Content-Disposition': _disposition(opened.filename),
        'ETag': f'"{opened.etag}"', 'X-Content-Type-Options': 'nosniff'}
    if opened.last_modified is not None:
        headers['Last-Modified'] = format_datetime(
            opened.last_modified.astimezone(timezone.utc), usegmt=True)
    if opened.is_range:
        last = opened.start + opened.length - 1
        headers['Content-Range'] = f'bytes {opened.start}-{last}/{opened.size}'
    return headers


def _media_type(content_type: str) -> str:
    # Whatever somebody has put into the bucket, no browser is to show it as a page.
    return content_type if content_type in CONTENT_TYPES else 'application/octet-stream'


def _disposition(filename: str) -> str:
    """Return the header that a browser saves a file by (RFC 6266, appendix D)."""
    plain = _NOT_PLAIN.sub('_', filename)
    if plain == filename:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
