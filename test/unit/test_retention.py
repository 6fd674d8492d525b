"""The disk guardian deletes what is safe in the bucket, and nothing else."""
from dataclasses import replace
import os
from pathlib import Path
from typing import Any

from flightlog_bucket.errors import (
    ConfigurationError,
    InvalidRequest,
    LocalFileUnreadable,
    NotAllowed,
    Unavailable,
)
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.confirmation import DOUBT_PERIOD_S, MAX_FAILURES
from flightlog_bucket.transfers.records import QUEUED
from flightlog_bucket.transfers.retention_policy import RetentionPolicy
import pytest
from support.guarded import Guarded, MINUTE_S, stored_log

pytestmark = pytest.mark.usefixtures('all_is_logged')


def test_what_is_stored_goes_with_one_line_and_one_entry(
        place: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    path = place.stored('day/flight.ulg')
    place.guardian().run_once()
    assert not path.exists()
    assert path.parent.is_dir()
    assert place.still_local() == []
    assert place.deletions() == [(path, 'it is stored')]
    [line] = caplog.messages
    assert line == (f'deleted {path}, 8 bytes: it is stored, and it is in the bucket as'
                    ' drone-001/1')


def test_keep_deletes_nothing_and_starts_nothing(place: Guarded) -> None:
    path = place.stored('flight.ulg')
    guardian = place.guardian(RetentionPolicy())
    guardian.start()
    guardian.wake()
    guardian.run_once()
    guardian.stop()
    assert path.exists()
    assert place.bucket.asked == []


@pytest.mark.parametrize('state', ['unknown', 'queued', 'uploading', 'rejected', 'new version',
                                   'queued under another name', 'rejected later'])
def test_what_is_not_stored_stays(place: Guarded, state: str) -> None:
    path = place.write('flight.ulg')
    if state != 'unknown':
        transfer = place.accept(path)
    if state == 'uploading':
        place.ledger.claim()
    elif state == 'rejected':
        place.ledger.rejected(transfer.id, 'no log', 'ValidationFailed')
    elif state in ('new version', 'rejected later'):
        place.store(path)
        path.write_bytes(b'another flight')
        later = place.accept(path)
        if state == 'rejected later':
            place.ledger.rejected(later.id, 'no log', 'ValidationFailed')
    elif state == 'queued under another name':
        place.store(path)
        assert place.accept(path, name='other.ulg').state == QUEUED
    place.guardian().run_once()
    assert path.exists()
    assert place.bucket.asked == []
    assert place.deletions() == []


def test_a_file_that_changed_since_it_was_stored_stays(place: Guarded) -> None:
    path = place.stored('flight.ulg')
    with open(path, 'ab') as stream:
        stream.write(b' and crash data')
    touched = place.stored('touched.ulg')
    os.utime(touched, (1, 1))
    place.guardian().run_once()
    assert path.exists()
    assert touched.exists()
    assert place.bucket.asked == []


def test_a_file_that_is_stored_under_two_names_goes_by_the_later_one(place: Guarded) -> None:
    path = place.stored('flight.ulg')
    place.clock.passes(MINUTE_S)
    place.store(path, name='other.ulg')
    place.clock.passes(MINUTE_S)
    first = place.ledger.accept(path, Fingerprint.of(path.stat()), name='flight.ulg')
    assert first.state == QUEUED
    place.guardian().run_once()
    assert path.exists()
    place.store(path, name='flight.ulg')
    place.guardian().run_once()
    assert not path.exists()
    for _ in range(2):  # the other two find out that the file is gone
        place.guardian().run_once()
    assert place.still_local() == []


def test_a_file_that_changes_while_s3_is_asked_stays(place: Guarded) -> None:
    path = place.stored('flight.ulg')

    def holds(path: Path, key: str) -> Any:
        held = place.bucket.holds(path, key)
        with open(path, 'ab') as stream:
            stream.write(b' and crash data')
        return held

    place.guardian(holds=holds).run_once()
    assert path.exists()


def test_a_file_that_is_open_for_writing_stays_until_it_is_closed(place: Guarded) -> None:
    path = place.stored('flight.ulg')
    place.open_files.add(path)
    guardian = place.guardian()
    guardian.run_once()
    assert path.exists()
    assert place.bucket.asked == []
    place.open_files.clear()
    guardian.run_once()
    assert not path.exists()


def test_a_file_that_is_opened_or_queued_at_the_last_moment_stays(place: Guarded) -> None:
    opened, queued = place.stored('opened.ulg'), place.stored('queued.ulg')

    def holds(path: Path, key: str) -> Any:
        if path == opened:
            place.open_files.add(path)
        else:
            place.ledger.accept(path, place.ledger.find(path).fingerprint, again=True)
        return place.bucket.holds(path, key)

    place.guardian(holds=holds).run_once()
    assert opened.exists()
    assert queued.exists()


def test_a_file_whose_openness_cannot_be_told_stays(place: Guarded) -> None:
    path, other = place.stored('flight.ulg'), place.stored('other.ulg')

    def is_open_for_writing(path: Path) -> bool:
        if path != other:
            raise PermissionError(13, 'Permission denied')
        return False

    place.guardian(is_open_for_writing=is_open_for_writing).run_once()
    assert (path.exists(), other.exists()) == (True, False)


def test_what_s3_does_not_have_is_kept_and_sent_again(
        place: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    path = place.stored('flight.ulg')
    place.bucket.objects.clear()
    guardian = place.guardian()
    for _ in range(3):
        guardian.run_once()
    assert path.exists()
    assert place.ledger.find(path).state == QUEUED
    [line] = caplog.messages
    assert 'drone-001/1' in line
    assert 'sent again' in line


def test_a_bucket_that_contradicts_itself_is_not_filled(place: Guarded) -> None:
    path = place.stored('flight.ulg')
    place.bucket.objects.clear()
    guardian = place.guardian()
    for _ in range(5):
        guardian.run_once()
        place.store(path)  # it says that the log is stored, and has it not
        place.bucket.objects.clear()
    assert len(place.bucket.asked) == 1
    place.clock.passes(DOUBT_PERIOD_S + 1)
    guardian.run_once()
    assert len(place.bucket.asked) == 2
    assert path.exists()


@pytest.mark.parametrize('fault', [Unavailable('no network'), NotAllowed('no policy')])
def test_without_an_answer_of_s3_all_is_kept_and_tried_in_the_next_period(
        place: Guarded, caplog: pytest.LogCaptureFixture, fault: Any) -> None:
    paths = [place.stored(f'{number}.ulg') for number in range(9)]
    place.bucket.fault = fault
    guardian = place.guardian()
    for _ in range(3):
        place.bucket.asked.clear()
        guardian.run_once()
        assert len(place.bucket.asked) == MAX_FAILURES
    assert all(path.exists() for path in paths)
    assert len(caplog.messages) == 2
    place.bucket.fault = None
    place.clock.passes(DOUBT_PERIOD_S)
    guardian.run_once()
    assert not any(path.exists() for path in paths)


@pytest.mark.parametrize('fault', [LocalFileUnreadable('no'), InvalidRequest('what')])
def test_one_log_that_cannot_be_compared_holds_up_no_other(place: Guarded, fault: Any) -> None:
    bad = {place.stored(f'bad{number}.ulg') for number in range(5)}
    good = place.stored('good.ulg')

    def holds(path: Path, key: str) -> Any:
        if path in bad:
            raise fault
        return place.bucket.holds(path, key)

    place.guardian(holds=holds).run_once()
    assert all(path.exists() for path in bad)
    assert not good.exists()


def test_a_dry_run_says_each_once_and_deletes_nothing(
        place: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    path = place.stored('flight.ulg')
    guardian = place.guardian(RetentionPolicy('delete_after_upload', dry_run=True))
    for _ in range(3):
        guardian.run_once()
    assert path.exists()
    assert place.deletions() == []
    assert [line.split(',')[0] for line in caplog.messages] == [f'would delete {path}']
    assert len(place.bucket.asked) == 1


def test_a_power_cut_between_the_deletion_and_its_entry_is_found_out(
        place: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.stored('flight.ulg')

    class PowerCut(BaseException):
        pass

    def note_deleted(*_: Any) -> None:
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(place.ledger, 'note_deleted', note_deleted)
        with pytest.raises(PowerCut):
            place.guardian().run_once()
    assert not path.exists()
    assert place.still_local() == [path]
    place.guardian().run_once()
    assert place.still_local() == []
    assert place.deletions() == [(path, 'it was not there any more')]


def test_a_disk_that_is_not_there_is_no_deletion(place: Guarded, tmp_path: Path) -> None:
    path = place.stored('flight.ulg')
    place.watched.rename(tmp_path / 'unplugged')
    place.guardian().run_once()
    assert place.still_local() == [path]
    (tmp_path / 'unplugged').rename(place.watched)
    place.guardian().run_once()
    assert place.deletions() == [(path, 'it is stored')]


def test_an_empty_mount_point_is_no_deletion(place: Guarded) -> None:
    path = place.write('flight.ulg')
    here = Fingerprint.of(path.stat())
    transfer = place.ledger.accept(path, replace(here, device=here.device + 1))
    place.ledger.stored(transfer.id, stored_log('k', 1))
    path.unlink()
    place.guardian().run_once()
    assert place.still_local() == [path]


def test_a_closed_ledger_ends_a_run_without_a_word(
        place: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    path = place.stored('flight.ulg')
    guardian = place.guardian()
    place.ledger.close()
    guardian.run_once()
    assert path.exists()
    assert caplog.messages == []


def test_a_thousand_logs(place: Guarded) -> None:
    stored = [place.stored(f'{number % 10}/{number}.ulg', b'%d' % number)
              for number in range(1000)]
    kept = [place.write(f'{number % 10}/new{number}.ulg') for number in range(100)]
    place.guardian().run_once()
    assert not any(path.exists() for path in stored)
    assert all(path.exists() for path in kept)
    assert len(place.deletions()) == 1000


def test_a_relative_folder_is_refused(place: Guarded) -> None:
    with pytest.raises(ConfigurationError, match='relative'):
        place.guardian(directories=[Path('logs')])
