"""What discovery meets in a bad world: no room in the ledger, odd files, disks that come late."""
from collections.abc import Iterator
import os
from pathlib import Path

from flightlog_bucket.errors import LedgerUnavailable, LocalFileNotFound
from flightlog_bucket.transfers.records import QUEUED, REJECTED
import pytest
from support.discovering import Desk, desk_at, RESCAN_S, SETTLE_S, zstd

ULOG = b'ULog\x01\x12\x35\x01' + bytes(8)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_at(tmp_path) as desk:
        desk.look()
        yield desk


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return a log that is in no watched folder."""
    path = tmp_path / 'elsewhere' / 'a.ulg'
    path.parent.mkdir()
    path.write_bytes(ULOG)
    return path


def full(*_, **__):
    raise LedgerUnavailable('the disk is full')


def test_a_log_that_was_announced_without_room_is_accepted_later(desk, elsewhere, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(desk.ledger, 'accept', full)
        with pytest.raises(LedgerUnavailable):
            desk.announce(elsewhere)
        assert desk.wait(10) == []
    assert desk.wait(6) == ['a.ulg']


def test_a_log_that_vanishes_before_there_is_room_is_let_go(desk, elsewhere, monkeypatch, caplog):
    with monkeypatch.context() as patch:
        patch.setattr(desk.ledger, 'accept', full)
        with pytest.raises(LedgerUnavailable):
            desk.announce(elsewhere)
    elsewhere.unlink()
    assert desk.wait(20) == []
    assert caplog.text.count('rejected') == 1


def test_a_log_that_is_announced_anew_without_room_while_that_is_made_good(
        desk, elsewhere, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(desk.ledger, 'accept', full)
        with pytest.raises(LedgerUnavailable):
            desk.announce(elsewhere)

    def recorded_on():
        monkeypatch.undo()
        elsewhere.write_bytes(ULOG + bytes(8))
        with monkeypatch.context() as patch:
            patch.setattr(desk.ledger, 'accept', full)
            with pytest.raises(LedgerUnavailable):
                desk.announce(elsewhere)
    monkeypatch.setattr(desk.discovery, '_on_accepted', recorded_on)
    desk.wait(12)
    assert desk.ledger.find(elsewhere).fingerprint.size == len(ULOG) + 8


def test_a_surprise_makes_nothing_owed_forgotten(desk, elsewhere, monkeypatch):
    def surprise(*_, **__):
        raise ZeroDivisionError
    for fault, error in ((full, LedgerUnavailable), (surprise, ZeroDivisionError)):
        with monkeypatch.context() as patch:
            patch.setattr(desk.ledger, 'accept', fault)
            with pytest.raises(error):
                desk.announce(elsewhere) if fault is full else desk.wait(6)
    assert desk.wait(6) == ['a.ulg']


def test_a_log_whose_disk_comes_late_is_tried_again(desk, elsewhere):
    desk.announce(elsewhere)
    transfer = desk.ledger.claim()
    away = elsewhere.rename(elsewhere.with_name('away'))
    desk.ledger.rejected(transfer.id, 'it is not there', LocalFileNotFound.__name__)
    desk.ledger.release(transfer.id)
    desk.wait(RESCAN_S + 1)
    assert desk.ledger.find(elsewhere).state == REJECTED
    away.rename(elsewhere)
    desk.wait(RESCAN_S + 1)
    assert desk.ledger.find(elsewhere).state == QUEUED


def test_a_date_that_64_bits_cannot_hold_stops_nothing(desk):
    os.utime(desk.write('far.ulg'), (1.04e10, 1.04e10))  # in the year 2299
    desk.write('a.ulg')
    desk.look()
    assert sorted(desk.wait(2 * SETTLE_S)) == ['a.ulg', 'far.ulg']
    assert desk.wait(2 * RESCAN_S) == []


def test_a_compressed_file_that_cannot_be_read_stops_nothing(desk, monkeypatch):
    settling = desk.discovery._settling
    is_complete = settling.is_complete

    def refused(path):
        if path.name == 'run_0.mcap.zstd':
            raise PermissionError(13, 'Permission denied')
        return is_complete(path)
    monkeypatch.setattr(settling, 'is_complete', refused)
    desk.write('run/run_0.mcap.zstd', zstd())
    last = desk.write('run/run_1.mcap.zstd', zstd())
    desk.write('a.ulg')
    assert desk.announce(last) == ['run_1.mcap.zstd']
    assert 'a.ulg' in desk.look() + desk.wait(2 * SETTLE_S)
