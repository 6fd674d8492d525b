"""Answers of the REST API as bytes."""
import json

from flightlog_bucket.api.responses import answer, refusal
from flightlog_bucket.errors import FileTooLarge, RangeNotSatisfiable
import pytest


def test_what_no_json_may_hold_is_escaped() -> None:
    body = bytes(answer({'error': 'caf\udce9 "ü" \U0001f681', 'status': 400}).body)
    assert json.loads(body.decode('utf-8', 'strict'))['error'] == 'caf\\udce9 "ü" \U0001f681'
    assert b'\\\\udce9' in body


def test_numbers_that_no_json_has() -> None:
    with pytest.raises(ValueError, match='Out of range float values'):
        answer({'success': True, 'rate': float('nan')})


def test_status() -> None:
    assert answer({'success': True}).status_code == 200
    accepted = answer({'success': True, 'status': 202})
    assert (accepted.status_code, json.loads(bytes(accepted.body))['status']) == (202, 202)
    refused = refusal(FileTooLarge('x'))
    assert (refused.status_code, json.loads(bytes(refused.body))) == (
        413, {'error': 'File validation failed: x', 'status': 413})


def test_the_size_of_what_lacks_a_range() -> None:
    refused = refusal(RangeNotSatisfiable('x', size=7))
    assert refused.headers['content-range'] == 'bytes */7'
    assert 'content-range' not in refusal(FileTooLarge('x')).headers
