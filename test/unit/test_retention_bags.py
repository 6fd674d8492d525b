"""A rosbag2 directory leaves the disk whole, with its metadata last, or not at all."""
from pathlib import Path
from typing import Any

from flightlog_bucket.errors import Unavailable
from flightlog_bucket.transfers.bag_directory import NO_METADATA
from flightlog_bucket.transfers.removal import WatchedFile
from flightlog_bucket.transfers.retention_policy import KEEP_DAYS, RetentionPolicy
import pytest
from support.guarded import DAY_S, Guarded

NAMES = ('bag_0.mcap', 'bag_1.mcap', 'metadata.yaml')


def stored_bag(place: Guarded, names: tuple[str, ...] = NAMES) -> Path:
    """Write a bag of three files, and have those stored that are named."""
    directory = place.watched / 'bag'
    for name in NAMES:
        place.write(f'bag/{name}', name.encode())
    bag = place.ledger.open_bag(directory, '20250727_143022_bag')
    for name in names:
        place.store(directory / name, bag)
    return directory


def test_a_bag_goes_with_its_directory_and_its_metadata_last(
        place: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    removed = []
    remove = WatchedFile.remove

    def watch(file: WatchedFile, expected: Any) -> int:
        removed.append(file.path.name)
        return remove(file, expected)

    monkeypatch.setattr(WatchedFile, 'remove', watch)
    directory = stored_bag(place, NAMES[::-1])
    place.guardian().run_once()
    assert not directory.exists()
    assert set(removed) == set(NAMES)
    assert removed[-1] == 'metadata.yaml'
    assert len(place.deletions()) == len(NAMES)


@pytest.mark.parametrize('missing', NAMES)
@pytest.mark.parametrize('state', ['unknown', 'queued', 'rejected'])
def test_a_bag_of_which_one_file_is_not_stored_stays(place: Guarded, missing: str,
                                                     state: str) -> None:
    directory = stored_bag(place, tuple(name for name in NAMES if name != missing))
    if state != 'unknown':
        transfer = place.accept(directory / missing, place.ledger.bag(directory))
        if state == 'rejected':
            place.ledger.rejected(transfer.id, 'no log', 'ValidationFailed')
    place.guardian().run_once()
    assert {path.name for path in directory.iterdir()} == set(NAMES)
    assert place.bucket.asked == []


def test_a_bag_that_has_no_metadata_yet_stays(place: Guarded) -> None:
    directory = stored_bag(place, NAMES[:2])
    (directory / 'metadata.yaml').unlink()
    place.guardian().run_once()
    assert len(list(directory.iterdir())) == 2


def test_a_bag_whose_recorder_was_killed_goes_without_metadata(place: Guarded) -> None:
    directory = stored_bag(place, ())
    (directory / 'metadata.yaml').unlink()
    for name in NAMES[:2]:
        place.store(directory / name, place.ledger.bag(directory), note=NO_METADATA)
    made_anew = place.write('bag/metadata.yaml')  # by ros2 bag reindex
    place.guardian().run_once()
    assert len(list(directory.iterdir())) == len(NAMES)
    made_anew.unlink()
    place.guardian().run_once()
    assert not directory.exists()


def test_a_file_of_a_bag_that_was_uploaded_by_itself_does_not_go_by_itself(
        place: Guarded) -> None:
    directory = stored_bag(place, ())
    place.store(directory / NAMES[0])
    place.guardian().run_once()
    assert len(list(directory.iterdir())) == len(NAMES)
    for name in NAMES[1:]:
        place.store(directory / name, place.ledger.bag(directory))
    place.guardian().run_once()
    assert not directory.exists()


@pytest.mark.parametrize('doubt', ['object', 'network', 'open', 'changed', 'new split'])
def test_a_bag_stays_whole_while_anything_speaks_against_one_file(place: Guarded,
                                                                  doubt: str) -> None:
    directory = stored_bag(place)
    path, count = directory / NAMES[1], len(NAMES)
    if doubt == 'object':
        del place.bucket.objects[place.ledger.find(path).key]
    elif doubt == 'network':
        place.bucket.fault = Unavailable('no network')
    elif doubt == 'open':
        place.open_files.add(path)
    elif doubt == 'changed':
        path.write_bytes(b'another')
    else:
        place.write('bag/bag_2.mcap')
        count += 1
    place.guardian().run_once()
    assert len(list(directory.iterdir())) == count
    assert place.deletions() == []


@pytest.mark.parametrize('last', NAMES)
def test_a_bag_whose_deletion_a_power_cut_ended_is_finished(place: Guarded, last: str,
                                                            monkeypatch: Any) -> None:
    directory = stored_bag(place)
    note_deleted = place.ledger.note_deleted

    class PowerCut(BaseException):
        pass

    def cut(transfer: Any, cause: str) -> None:
        if transfer.path.name == last:
            raise PowerCut
        note_deleted(transfer, cause)

    with monkeypatch.context() as patch:
        patch.setattr(place.ledger, 'note_deleted', cut)
        with pytest.raises(PowerCut):
            place.guardian().run_once()
    assert directory.exists()
    place.guardian().run_once()
    assert not directory.exists()
    assert place.still_local() == []
    assert len(place.deletions()) == len(NAMES)


def test_what_a_person_put_into_the_directory_stays_there(place: Guarded) -> None:
    directory = stored_bag(place)
    notes = place.write('bag/notes.txt')
    place.write('bag/bag_0.db3-wal', b'')
    place.guardian().run_once()
    assert {path.name for path in directory.iterdir()} == {notes.name, 'bag_0.db3-wal'}


def test_a_watched_folder_that_is_a_bag_itself_is_never_removed(place: Guarded) -> None:
    for name in NAMES:
        place.store(place.write(name), place.ledger.open_bag(place.watched, '20250727_143022_w'))
    place.guardian().run_once()
    assert list(place.watched.iterdir()) == []


def test_a_bag_is_as_old_as_its_youngest_file(place: Guarded) -> None:
    guardian = place.guardian(RetentionPolicy(KEEP_DAYS, keep_days=7))
    directory = stored_bag(place, NAMES[:2])
    place.clock.passes(6 * DAY_S)
    place.store(directory / 'metadata.yaml', place.ledger.bag(directory))
    place.clock.passes(6 * DAY_S)
    guardian.run_once()
    assert len(list(directory.iterdir())) == len(NAMES)
    place.clock.passes(DAY_S)
    guardian.run_once()
    assert not directory.exists()
