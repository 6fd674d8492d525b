"""Logs of one file: each that is finished is accepted once, and none that is still written."""
from collections.abc import Iterator
import os
from pathlib import Path

from flightlog_bucket.errors import (
    InvalidExtension,
    InvalidRequest,
    LedgerUnavailable,
    LocalFileNotFound,
)
from made_logs import bag, mcap, ULOG, write_db3
import pytest
from support.discovering import Desk, desk_at, RESCAN_S, SETTLE_S, zstd

CLOSED = {'a.ulg': ULOG, 'a.bag': bag(), 'a.mcap': mcap(), 'a.mcap.zstd': zstd()}
CRASHED = {'b.bag': bag(index_pos=0), 'b.mcap': mcap()[:-9], 'b.db3.zstd': zstd()[:-1]}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_at(tmp_path) as desk:
        desk.look()
        yield desk


@pytest.mark.parametrize('name', CLOSED)
def test_a_closed_log_is_accepted_once_it_is_quiet(desk: Desk, name: str) -> None:
    path = desk.write(name, CLOSED[name])
    assert desk.wait(SETTLE_S, path) == []
    assert 'settle_s' in desk.explain(path)
    assert desk.wait(2) == [name]
    assert desk.note(path) == ''
    assert desk.wakes == 1
    assert desk.wait(3 * RESCAN_S) == []


def test_a_log_without_event_is_found_by_the_periodic_look(desk: Desk) -> None:
    desk.write('deep/er/a.ulg')
    assert desk.wait(RESCAN_S + SETTLE_S + 2) == ['a.ulg']


@pytest.mark.parametrize('name', CRASHED)
def test_a_log_that_its_recorder_never_closes_is_accepted_with_a_note(
        desk: Desk, name: str) -> None:
    path = desk.write(name, CRASHED[name])
    assert desk.wait(9 * SETTLE_S, path) == []
    assert 'has no end mark' in desk.explain(path)
    assert desk.wait(2 * SETTLE_S) == [name]
    assert desk.note(path) == f'{name} was not closed by its recorder (no end mark)'


def test_a_database_waits_for_its_latest_messages(desk: Desk) -> None:
    path = write_db3(desk.logs / 'a.db3')
    wal = desk.write('a.db3-wal', b'latest')
    assert desk.wait(5 * SETTLE_S, path) == []
    wal.unlink()
    assert desk.wait(2 * SETTLE_S + 2) == ['a.db3']
    assert desk.note(path) == ''


def test_a_log_that_is_open_is_not_accepted_however_quiet(desk: Desk) -> None:
    path = desk.write('a.ulg')
    desk.open.add(path)
    assert desk.wait(50 * SETTLE_S, path) == []
    assert 'is still being written' in desk.explain(path)
    desk.open.clear()
    assert desk.wait(SETTLE_S - 2) == []  # closed a moment ago
    assert desk.wait(SETTLE_S + 2) == ['a.ulg']


def test_a_log_that_is_copied_with_pauses_is_not_accepted(desk: Desk) -> None:
    path = desk.write('a.ulg', ULOG)
    for _ in range(10):
        assert desk.wait(SETTLE_S - 1, path) == []
        with open(path, 'ab') as stream:
            stream.write(b'more')
    assert desk.wait(SETTLE_S + 2) == ['a.ulg']


@pytest.mark.parametrize('name', [
    '.a.ulg.Xy12Zw', '.a.ulg', '.~tmp~/a.ulg', 'a.ulg.part', 'a.bag.active', 'a.txt', 'a.ulg~'])
def test_temporary_and_other_names_are_not_taken(desk: Desk, name: str) -> None:
    path = desk.write(name)
    assert desk.wait(20 * SETTLE_S, path) == []
    assert desk.explain(path)


def test_the_active_bag_is_taken_when_it_is_renamed(desk: Desk) -> None:
    active = desk.write('a.bag.active', bag())
    assert desk.wait(20 * SETTLE_S, active) == []
    assert 'is still being written' in desk.explain(active)
    closed = active.rename(desk.logs / 'a.bag')
    assert desk.wait(SETTLE_S + 2, closed) == ['a.bag']


def test_an_announced_active_name_means_the_closed_bag(desk: Desk) -> None:
    active = desk.write('a.bag.active', bag())
    with pytest.raises(InvalidExtension, match='is not closed'):
        desk.announce(active)
    active.rename(desk.logs / 'a.bag')
    assert desk.announce(active) == ['a.bag']


def test_an_announced_log_is_accepted_at_once_wherever_it_is(
        desk: Desk, tmp_path: Path) -> None:
    outside = tmp_path / 'elsewhere.ulg'
    outside.write_bytes(ULOG)
    assert desk.announce(outside) == ['elsewhere.ulg']
    inside = desk.write('a.mcap', mcap())
    assert desk.announce(inside) == ['a.mcap']
    assert desk.wait(3 * RESCAN_S, inside) == []


def test_what_is_announced_but_no_log_is_refused(desk: Desk) -> None:
    with pytest.raises(LocalFileNotFound):
        desk.announce(desk.logs / 'a.ulg')
    with pytest.raises(InvalidExtension):
        desk.announce(desk.write('a.txt'))
    with pytest.raises(InvalidRequest):
        desk.announce(desk.logs)
    (desk.logs / 'd.ulg').mkdir()
    with pytest.raises(InvalidRequest):
        desk.announce(desk.logs / 'd.ulg')


def test_one_log_under_two_paths_is_one(desk: Desk, tmp_path: Path) -> None:
    path = desk.write('a.ulg')
    (tmp_path / 'link').symlink_to(desk.logs)
    desk.announce(tmp_path / 'link/a.ulg')
    assert desk.wait(RESCAN_S + 2 * SETTLE_S, path) == []
    assert len(desk.transfers()) == 1


def test_a_log_to_which_crash_data_is_appended_is_accepted_again(desk: Desk) -> None:
    path = desk.write('a.ulg')
    desk.wait(SETTLE_S + 2, path)
    desk.ledger.rejected(desk.transfers()[0].id, 'a test', 'Test')
    with open(path, 'ab') as stream:
        stream.write(b'crash data')
    assert desk.wait(SETTLE_S - 1, path) == []
    assert desk.wait(3) == ['a.ulg']
    assert [t.fingerprint.size for t in desk.transfers()] == [16, 26]


def test_a_log_that_grows_before_it_is_sent_is_one(desk: Desk) -> None:
    path = desk.write('a.ulg')
    desk.wait(SETTLE_S + 2, path)
    with open(path, 'ab') as stream:
        stream.write(b'crash data')
    desk.wait(RESCAN_S + SETTLE_S + 2)
    assert [t.fingerprint.size for t in desk.transfers()] == [26]


def test_a_log_that_was_replaced_is_accepted_again(desk: Desk) -> None:
    path = desk.write('a.ulg')
    desk.wait(SETTLE_S + 2, path)
    desk.ledger.rejected(desk.transfers()[0].id, 'a test', 'Test')
    desk.write('new.tmp').replace(path)
    assert desk.wait(RESCAN_S + SETTLE_S + 2) == ['a.ulg']


def test_a_log_that_was_away_and_is_back_is_accepted_again(desk: Desk) -> None:
    path = desk.write('a.ulg')
    desk.wait(SETTLE_S + 2, path)
    number = desk.transfers()[0].id
    desk.ledger.rejected(number, 'there is no a.ulg', 'LocalFileNotFound')
    desk.wait(RESCAN_S + 2 * SETTLE_S)
    assert [(t.id, t.state) for t in desk.transfers()] == [(number, 'queued')]


def test_links_lead_nowhere(desk: Desk, tmp_path: Path) -> None:
    outside = tmp_path / 'outside'
    outside.mkdir()
    (outside / 'a.ulg').write_bytes(ULOG)
    (desk.logs / 'file.ulg').symlink_to(outside / 'a.ulg')
    (desk.logs / 'folder').symlink_to(outside)
    (desk.logs / 'loop').symlink_to(desk.logs)
    os.mkfifo(desk.logs / 'pipe.ulg')
    assert desk.wait(3 * RESCAN_S, *desk.logs.iterdir()) == []
    assert 'not a regular file' in desk.explain(desk.logs / 'file.ulg')


def test_a_log_that_vanishes_is_no_trouble(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    path = desk.write('a.ulg')
    assert desk.wait(1, path) == []
    path.unlink()
    assert desk.wait(3 * RESCAN_S, path) == []
    assert caplog.messages == []
    assert desk.explain(path) == 'there is no such file'
    assert desk.discovery._settling.due() == []
    assert desk.discovery._settling.next_look_s() is None


def test_only_what_the_patterns_name_is_wanted(tmp_path: Path) -> None:
    with desk_at(tmp_path, ('flight_*.ulg', 'px4/*/*.ulg')) as desk:
        desk.write('flight_1.ulg')
        desk.write('px4/2025-07-27/14_30_22.ulg')
        other = desk.write('other.ulg')
        desk.wall_s += 1000
        assert sorted(desk.look()) == ['14_30_22.ulg', 'flight_1.ulg']
        assert 'no pattern' in desk.explain(other)


def test_a_missing_folder_is_found_when_it_comes(
        desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.logs.rmdir()
    desk.wait(3 * RESCAN_S)
    assert len([m for m in caplog.messages if 'is not there' in m]) == 1
    desk.write('a.ulg')
    assert desk.wait(RESCAN_S + SETTLE_S + 2) == ['a.ulg']


def test_reasons(desk: Desk, tmp_path: Path) -> None:
    outside = tmp_path / 'a.ulg'
    outside.write_bytes(ULOG)
    assert desk.explain(outside) == 'is not in a watched folder'
    assert 'was not looked at yet' in desk.explain(desk.write('a.ulg'))
    assert 'does not end in' in desk.explain(desk.write('a.txt'))


def test_a_log_that_may_not_be_read_waits_with_one_warning(
        desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, 'Permission denied')
    monkeypatch.setattr(desk.discovery._settling, 'is_open', refuse)
    path = desk.write('a.ulg')
    assert desk.wait(3 * RESCAN_S, path) == []
    assert desk.explain(path) == 'cannot be read: Permission denied'
    assert len(caplog.messages) == 1
    monkeypatch.undo()
    assert desk.wait(2 * SETTLE_S) == ['a.ulg']


def test_a_ledger_that_cannot_be_written_costs_time_only(
        desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise LedgerUnavailable('the disk is full')
    path = desk.write('a.ulg')
    monkeypatch.setattr(desk.ledger, 'accept', refuse)
    assert desk.wait(SETTLE_S + 20, path) == []
    assert len([m for m in caplog.messages if 'the disk is full' in m]) == 1
    with pytest.raises(LedgerUnavailable):
        desk.announce(path)
    monkeypatch.undo()
    assert desk.wait(SETTLE_S + 2) == ['a.ulg']


def test_what_is_no_path_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidRequest):
        desk.announce(Path('/a\0b.ulg'))
    assert desk.explain(Path('/a\0b.ulg')) == 'there is no such file'


def test_nothing_is_kept_of_logs_that_are_accepted(desk: Desk) -> None:
    for number in range(600):
        desk.write(f'{number % 7}/{number}.ulg')
    desk.wait(RESCAN_S + SETTLE_S + 2)
    assert len(desk.transfers()) == 600
    assert desk.discovery._settling._watched == {}


def test_other_files_can_be_wanted_later(desk: Desk) -> None:
    desk.discovery.set_patterns(('z*',))
    path = desk.write('a.mcap', mcap())
    assert desk.wait(RESCAN_S + SETTLE_S + 2) == []
    assert 'no pattern of watch_patterns matches' in desk.explain(path)
    desk.discovery.set_patterns(('a*', 'b*'))
    assert desk.wait(RESCAN_S + SETTLE_S + 2) == ['a.mcap']
