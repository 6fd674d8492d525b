"""What S3 or the operating system refuses to the guardian costs neither other logs nor work."""
import errno
import os
from pathlib import Path
from typing import Any

from flightlog_bucket.errors import NotAllowed
from flightlog_bucket.transfers.confirmation import DOUBT_PERIOD_S, MAX_FAILURES
import pytest
from support.guarded import Guarded, MINUTE_S


def test_logs_that_s3_does_not_let_us_ask_for_hold_up_no_other(place: Guarded) -> None:
    # Where the policy hides what is not there, that is what a deleted object looks like.
    hidden = {place.stored(f'hidden{number}.ulg') for number in range(MAX_FAILURES)}
    good = place.stored('good.ulg')

    def holds(path: Path, key: str) -> Any:
        if path in hidden:
            raise NotAllowed('no')
        return place.bucket.holds(path, key)

    guardian = place.guardian(holds=holds)
    for _ in range(2):
        guardian.run_once()
    assert all(path.exists() for path in hidden)
    assert not good.exists()


def test_what_may_not_be_deleted_is_not_read_again_and_again(
        place: Guarded, caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.stored('day/flight.ulg')

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, 'Permission denied')

    guardian = place.guardian()
    with monkeypatch.context() as patch:
        patch.setattr(os, 'unlink', refuse)
        for _ in range(5):
            guardian.run_once()
            place.clock.passes(MINUTE_S)
    assert place.bucket.asked == [path]
    [line] = caplog.messages
    assert 'Permission denied' in line
    assert 'write access' in line
    place.clock.passes(DOUBT_PERIOD_S)
    guardian.run_once()
    assert not path.exists()
