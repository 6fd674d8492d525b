"""Answers of the REST API."""
import json
import re
from typing import Any

from fastapi.responses import JSONResponse
from flightlog_bucket import answers
from flightlog_bucket.answers import Result
from flightlog_bucket.errors import FlightlogError

# Bytes of a file name that are no UTF-8 arrive as these, and no JSON may hold them.
_LONE_SURROGATES = re.compile('[\ud800-\udfff]')


class Answer(JSONResponse):
    """A dictionary as JSON, undecodable bytes of names escaped."""

    def render(self, content: Any) -> bytes:
        """Return the bytes of the body."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(',', ':'))
        return _LONE_SURROGATES.sub(lambda found: f'\\\\u{ord(found[0]):04x}', text).encode()


def answer(result: Result) -> Answer:
    """Return a result, ``status`` in it, with that HTTP status."""
    status = int(result.get('status', 200))
    headers = {}
    if status == 416 and 'size' in result:
        headers['Content-Range'] = f'bytes */{result["size"]}'
    return Answer({**result, 'status': status}, status, headers)


def refusal(error: FlightlogError) -> Answer:
    """Return an error."""
    return answer(answers.failure(error))
