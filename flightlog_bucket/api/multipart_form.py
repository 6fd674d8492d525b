"""The form of an upload (RFC 7578), taken apart as it arrives: the file goes to the disk."""
from collections.abc import Callable
from dataclasses import dataclass
import math
from pathlib import Path
import re
import threading
from typing import Optional

from flightlog_bucket.api.backend import Reception
from flightlog_bucket.errors import InvalidRequest
from flightlog_bucket.settings import KIB
from flightlog_bucket.storage.reception import received_name

try:
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header
except ImportError:  # its name before 0.0.13
    from multipart.exceptions import FormParserError  # type: ignore[no-redef]
    from multipart.multipart import (  # type: ignore[no-redef]
        MultipartParser,
        parse_options_header,
    )

MAX_OVERHEAD_BYTES = 64 * KIB
"""Of a form: all that is not the content of the file."""

_FIELDS = ('file', 'custom_filename', 'last_modified', 'enqueue_only')
_MAX_FIELD_BYTES = 4 * KIB
_MAX_BOUNDARY_BYTES = 70  # RFC 2046
_LATEST_S = 253_402_300_799.0  # the last second of the year 9999
_NUMBER = re.compile(r'[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?')  # as JSON has it
_ENCODINGS = (b'', b'7bit', b'8bit', b'binary')


@dataclass(frozen=True)
class ReceivedForm:
    """
    What arrived.

    :param path: of the file, whole
    :param enqueue_only: as the form says
    """

    path: Path
    enqueue_only: bool


class UploadForm:
    """
    Takes the body of a request apart. Its methods may wait for the disk, and for one another.

    :param content_type: header of the request
    :param begin: makes the reception of the file, given the name that is known so far
    :raises InvalidRequest: if the body cannot be such a form
    """

    def __init__(self, content_type: str, begin: Callable[[str], Reception]) -> None:
        self._begin = begin
        self._lock = threading.Lock()
        self._reception: Optional[Reception] = None
        self._filename = self._custom_filename = ''
        self._modified_s: Optional[float] = None
        self._enqueue_only = False
        self._seen: set[str] = set()
        self._overhead = 0
        self._has_ended = False
        self._header_field, self._header_value = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._part = ''
        self._value = bytearray()
        self._parser = MultipartParser(_boundary(content_type), {
            'on_part_begin': self._on_part_begin, 'on_header_field': self._on_header_field,
            'on_header_value': self._on_header_value, 'on_header_end': self._on_header_end,
            'on_headers_finished': self._on_headers_finished, 'on_part_data': self._on_part_data,
            'on_part_end': self._on_part_end, 'on_end': self._on_end})

    def feed(self, data: bytes) -> None:
        """
        Take what has arrived.

        :raises InvalidRequest: at the first byte that cannot be meant
        :raises FlightlogError: what ``Reception.write()`` raises
        """
        with self._lock:
            self._overhead += len(data)
            if not self._has_ended:  # what follows the last boundary means nothing
                self._parse(data)
            if self._overhead > MAX_OVERHEAD_BYTES:
                raise InvalidRequest(f'the form has more than {MAX_OVERHEAD_BYTES} bytes beside'
                                     ' the content of the file')

    def finish(self) -> ReceivedForm:
        """
        Give the file its name: the request is at its end.

        :raises InvalidRequest: if the form is not, or something is missing
        """
        with self._lock:
            if not self._has_ended:
                raise InvalidRequest('the form ends before its last boundary; send it again')
            if self._reception is None:
                raise InvalidRequest('the form has no field "file"; send the log in it')
            name = received_name(self._custom_filename, self._filename)
            return ReceivedForm(self._reception.finish(name, self._modified_s),
                                self._enqueue_only)

    def discard(self) -> None:
        """Leave nothing of the file."""
        with self._lock:
            if self._reception is not None:
                self._reception.discard()

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except _End:
            pass
        except FormParserError as error:
            raise InvalidRequest(f'the form cannot be read: {error}') from None

    def _on_part_begin(self) -> None:
        self._headers = {}
        self._part = ''
        self._value = bytearray()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_field += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[bytes(self._header_field).lower()] = bytes(self._header_value)
        self._header_field, self._header_value = bytearray(), bytearray()

    def _on_headers_finished(self) -> None:
        disposition, options = _options(self._headers.get(b'content-disposition', b''))
        if disposition != b'form-data' or b'name' not in options:
            raise InvalidRequest('a part of the form has no name')
        if self._headers.get(b'content-transfer-encoding', b'').strip().lower() not in _ENCODINGS:
            raise InvalidRequest('a part of the form is encoded; send it as it is')
        self._part = options[b'name'].decode('utf-8', 'replace')
        if self._part not in _FIELDS:
            raise InvalidRequest(f'the form has a field {self._part[:40]!r}; it takes '
                                 + ', '.join(_FIELDS))
        if self._part in self._seen:
            raise InvalidRequest(f'the form has more than one field {self._part!r}')
        self._seen.add(self._part)
        if self._part == 'file':
            self._begin_file(options.get(b'filename', b''))

    def _begin_file(self, filename: bytes) -> None:
        self._filename = filename.decode('utf-8', 'surrogateescape')
        # Its own name can still be replaced, by a custom_filename that follows.
        self._reception = self._begin(self._custom_filename)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._part == 'file' and self._reception is not None:
            self._overhead -= end - start
            self._reception.write(memoryview(data)[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > _MAX_FIELD_BYTES:
            raise InvalidRequest(f'the field {self._part} has more than {_MAX_FIELD_BYTES} bytes')

    def _on_part_end(self) -> None:
        if self._part == 'file':
            return
        try:
            self._take(self._part, self._value.decode())
        except UnicodeDecodeError:
            raise InvalidRequest(f'the field {self._part} is not UTF-8') from None

    def _take(self, name: str, value: str) -> None:
        if not value:
            return  # as a page sends a field that nobody filled in
        if name == 'custom_filename':
            self._custom_filename = received_name(value, '')
        elif name == 'last_modified':
            self._modified_s = _seconds(name, value)
        else:
            self._enqueue_only = _truth(name, value)

    def _on_end(self) -> None:
        self._has_ended = True
        raise _End


class _End(Exception):
    """The last boundary is read: the parser need not look at what follows."""


def _boundary(content_type: str) -> bytes:
    kind, options = _options(content_type.encode('latin-1', 'replace'))
    boundary = options.get(b'boundary', b'')
    if kind != b'multipart/form-data':
        raise InvalidRequest('send a form (multipart/form-data) with the log in its field "file"')
    if not 1 <= len(boundary) <= _MAX_BOUNDARY_BYTES:
        raise InvalidRequest('the form has no boundary, or one that no form can have')
    return bytes(boundary)


def _options(header: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    try:
        value, options = parse_options_header(header)
    except ValueError:  # of letters that no header can hold
        return b'', {}
    return bytes(value), dict(options)


def _truth(name: str, text: str) -> bool:
    if text.lower() not in ('true', 'false'):
        raise InvalidRequest(f'{name} is {text[:40]!r}; give true or false')
    return text.lower() == 'true'


def _seconds(name: str, text: str) -> float:
    seconds = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not 0 <= seconds <= _LATEST_S:
        raise InvalidRequest(f'{name} is {text[:40]!r}; give seconds since 1970')
    return seconds
