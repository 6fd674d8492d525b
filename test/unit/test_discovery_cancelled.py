"""What goals have asked for, and may cancel, while recorders and folders want it as well."""
from collections.abc import Iterator
from pathlib import Path

from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.records import QUEUED, REJECTED, WITHDRAWN
import pytest
from support.discovering import Desk, desk_at, RESCAN_S, SETTLE_S

MCAP = b'\x89MCAP0\r\n' + bytes(20) + b'\x89MCAP0\r\n'


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_at(tmp_path) as desk:
        yield desk


@pytest.fixture
def bag(desk: Desk, tmp_path: Path) -> Path:
    """Give a closed bag of two files, where nothing is watched."""
    directory = tmp_path / 'run'
    directory.mkdir()
    for number in range(2):
        (directory / f'run_{number}.mcap').write_bytes(MCAP)
    (directory / 'metadata.yaml').write_bytes(b'rosbag2_bagfile_information:\n')
    return directory


def cancel(desk: Desk, path: Path) -> bool:
    """Take back what was asked for; return whether that ended it."""
    found = desk.ledger.find(path)
    assert found is not None
    return desk.ledger.withdrawn(found.id, 'cancelled', WITHDRAWN) is not None


def files(bag: Path) -> list[Path]:
    return sorted(bag.iterdir())


def states(desk: Desk) -> set[str]:
    return {transfer.state for transfer in desk.transfers()}


@pytest.mark.parametrize('named', ['', 'run_0.mcap', 'metadata.yaml'])
def test_a_bag_that_its_recorder_announces_is_not_cancelled(desk: Desk, bag: Path,
                                                            named: str) -> None:
    desk.discovery.accept_directory(bag, revocable=True)
    assert desk.ledger.revocable_paths() == set(files(bag))
    desk.announce(bag / named)
    assert desk.ledger.revocable_paths() == frozenset()
    assert not any(cancel(desk, path) for path in files(bag))
    assert states(desk) == {QUEUED}


@pytest.mark.parametrize('named', ['', 'run_0.mcap', 'metadata.yaml'])
def test_a_cancelled_bag_that_its_recorder_announces_goes_up(desk: Desk, bag: Path,
                                                             named: str) -> None:
    desk.discovery.accept_directory(bag, revocable=True)
    assert all(cancel(desk, path) for path in files(bag))
    assert states(desk) == {REJECTED}
    assert sorted(desk.announce(bag / named)) == [path.name for path in files(bag)]
    assert states(desk) == {QUEUED}
    assert len(desk.transfers()) == 3


def test_what_others_have_accepted_already_is_not_looked_at_again(desk: Desk, bag: Path) -> None:
    desk.announce(bag)
    desk.ledger.rejected(desk.transfers()[0].id, 'it is damaged', 'CorruptLog')
    assert desk.announce(bag) == []
    assert states(desk) == {QUEUED, REJECTED}


def test_a_folder_that_has_seen_a_finished_log_wants_it_too(desk: Desk) -> None:
    path = desk.write('a.ulg')
    desk.ledger.accept(path, Fingerprint.of(path.stat()), revocable=True)
    desk.look(path)
    assert desk.ledger.revocable_paths() == {path}  # it may still be written to
    desk.wait(SETTLE_S * 12 + RESCAN_S)
    assert desk.ledger.revocable_paths() == frozenset()
    assert not cancel(desk, path)


def test_a_folder_that_has_seen_a_bag_wants_it_too(desk: Desk) -> None:
    paths = [desk.write('run/run_0.mcap', MCAP), desk.write('run/metadata.yaml', b'x')]
    desk.discovery.accept_directory(paths[0].parent, revocable=True)
    assert desk.ledger.revocable_paths() == set(paths)
    desk.wait(SETTLE_S * 12 + RESCAN_S)
    assert desk.ledger.revocable_paths() == frozenset()


def test_a_folder_does_not_bring_back_what_was_cancelled(desk: Desk) -> None:
    path = desk.write('a.ulg')
    desk.ledger.accept(path, Fingerprint.of(path.stat()), revocable=True)
    assert cancel(desk, path)
    desk.wait(SETTLE_S * 12 + RESCAN_S)
    assert states(desk) == {REJECTED}


def test_a_folder_does_not_want_what_it_would_not_take(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / 'elsewhere.ulg'
    path.write_bytes(b'ULog')
    desk.ledger.accept(path, Fingerprint.of(path.stat()), revocable=True)
    desk.wait(SETTLE_S * 12 + RESCAN_S)
    assert desk.ledger.revocable_paths() == {path}
