"""rosbag2 directories: one unit, one folder, ``metadata.yaml`` last."""
from collections.abc import Iterator
import os
from pathlib import Path
import shutil

from flightlog_bucket.errors import InvalidRequest, LocalFileChanged, LocalFileNotFound
from made_logs import mcap, START_NS, statistics, ULOG, write_db3
import pytest
from support.discovering import Desk, desk_at, RESCAN_S, SETTLE_S, zstd

METADATA = b'rosbag2_bagfile_information:\n  version: 9\n'
FOLDER = '20250727_143022_run'
LATER = mcap(statistics(START_NS + 100 * 10**9))
NO_METADATA = 'metadata.yaml is missing: the recorder did not close this bag'


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_at(tmp_path) as desk:
        desk.look()
        yield desk


def record(desk: Desk, *numbers: int, name: str = 'run') -> list[Path]:
    """Write closed splits of a bag."""
    return [desk.write(f'{name}/{name}_{number}.mcap', mcap()) for number in numbers]


def close(desk: Desk, name: str = 'run') -> Path:
    """Write what a recorder writes at the end."""
    return desk.write(f'{name}/metadata.yaml', METADATA)


def test_a_closed_bag_goes_to_one_folder_its_metadata_last(desk: Desk) -> None:
    record(desk, *range(12))
    metadata = close(desk)
    names = desk.wait(RESCAN_S + SETTLE_S + 2, metadata)
    assert names == [*(f'run_{n}.mcap' for n in range(12)), 'metadata.yaml']
    assert {(t.bag.folder, t.note) for t in desk.transfers() if t.bag} == {(FOLDER, '')}
    assert all(t.bag for t in desk.transfers())
    assert desk.wait(3 * RESCAN_S) == []


def test_splits_go_up_as_they_are_announced(desk: Desk) -> None:
    splits = record(desk, 0, 1)
    desk.open.add(splits[1])
    assert desk.announce(splits[0]) == ['run_0.mcap']
    assert desk.wait(20 * SETTLE_S, *splits) == []
    desk.open.clear()
    assert desk.announce(splits[1]) == ['run_1.mcap']
    close(desk)
    assert desk.wait(SETTLE_S + 6) == ['metadata.yaml']  # by being followed: there is no event
    assert {t.note for t in desk.transfers()} == {''}


def test_an_announced_split_tells_that_all_before_are_closed(desk: Desk) -> None:
    splits = record(desk, 0, 1, 2, 10)
    desk.open.add(splits[3])
    assert desk.announce(splits[2]) == ['run_0.mcap', 'run_1.mcap', 'run_2.mcap']


def test_a_lost_event_costs_nothing_but_time(desk: Desk) -> None:
    splits = record(desk, 0, 1)
    desk.announce(splits[0])
    close(desk)
    assert desk.wait(SETTLE_S * 3) == ['run_1.mcap', 'metadata.yaml']


def test_outside_of_the_folders_the_rest_comes_after_a_restart_too(
        desk: Desk, tmp_path: Path) -> None:
    recorded = record(desk, 0, 1)[0].parent
    shutil.move(recorded, tmp_path / 'run')
    assert desk.announce(tmp_path / 'run/run_0.mcap') == ['run_0.mcap']
    desk.restart()
    (tmp_path / 'run/metadata.yaml').write_bytes(METADATA)
    desk.wall_s += 1e9  # as late as the file's time on the real clock
    assert desk.wait(3 * SETTLE_S) == ['run_1.mcap', 'metadata.yaml']
    assert {t.bag.folder for t in desk.transfers() if t.bag} == {FOLDER}


def test_a_crashed_bag_goes_up_and_says_so(desk: Desk) -> None:
    record(desk, 0)
    desk.write('run/run_1.mcap', mcap()[:-20])
    write_db3(desk.logs / 'run/run_2.db3')
    desk.write('run/run_2.db3-wal', b'latest')
    desk.write('run/run_3.db3-wal', b'')
    names = desk.wait(RESCAN_S + SETTLE_S + 2)
    assert names == ['run_0.mcap', 'run_1.mcap', 'run_2.db3', 'run_2.db3-wal']
    assert {t.note for t in desk.transfers()} == {NO_METADATA}
    # ros2 bag reindex
    metadata = close(desk)
    assert desk.wait(2 * SETTLE_S, metadata) == ['metadata.yaml']
    assert desk.folder(metadata) == FOLDER
    assert desk.note(metadata) == ''


def test_a_crashed_database_tells_its_start(desk: Desk) -> None:
    path = desk.write('run/run_0.db3-wal', b'latest').with_name('run_0.db3')
    write_db3(desk.logs / 'made.db3').rename(path)
    desk.wait(RESCAN_S + SETTLE_S + 2)
    assert desk.folder(path) == FOLDER


def test_a_bag_that_is_recorded_has_not_crashed(desk: Desk) -> None:
    splits = record(desk, 0, 1)
    desk.open.add(splits[1])
    assert desk.wait(RESCAN_S + 20 * SETTLE_S) == ['run_0.mcap']
    assert desk.note(splits[0]) == ''
    assert 'is still being written' in desk.explain(splits[1])


def test_metadata_waits_for_the_other_files(desk: Desk) -> None:
    split, metadata = *record(desk, 0), close(desk)
    desk.open.add(split)
    assert desk.wait(20 * SETTLE_S, metadata) == []
    assert desk.explain(metadata) == 'waits for the other files of its bag'


def test_a_bag_that_was_closed_while_nobody_looked_is_found_at_the_start(desk: Desk) -> None:
    record(desk, 0, 1)
    close(desk)
    desk.wall_s += SETTLE_S
    desk.restart()
    assert desk.look() == ['run_0.mcap', 'run_1.mcap', 'metadata.yaml']


def test_old_splits_that_the_recorder_deletes_are_no_trouble(
        desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    splits = record(desk, 0, 1)
    desk.announce(splits[0])
    splits[0].unlink()
    with pytest.raises(LocalFileNotFound):
        desk.announce(splits[0])
    splits[1].unlink()
    later = record(desk, 2)
    assert desk.announce(later[0]) == ['run_2.mcap']
    later[0].unlink()
    metadata = close(desk)
    assert desk.wait(3 * SETTLE_S, metadata) == ['metadata.yaml']
    assert len({t.bag.id for t in desk.transfers() if t.bag}) == 1
    assert not [r for r in caplog.records if r.levelname in ('ERROR', 'CRITICAL')]


def test_a_bag_recorded_anew_under_the_same_name_is_another_one(desk: Desk) -> None:
    record(desk, 0, 1)
    close(desk)
    desk.wait(RESCAN_S + SETTLE_S + 2)
    for transfer in desk.transfers():
        desk.ledger.rejected(transfer.id, 'a test', 'Test')
    shutil.rmtree(desk.logs / 'run')
    split = desk.write('run/run_0.mcap', LATER)
    metadata = close(desk)
    assert desk.wait(RESCAN_S + SETTLE_S + 2) == ['run_0.mcap', 'metadata.yaml']
    assert desk.folder(split) == desk.folder(metadata)
    assert desk.folder(split) not in ('', FOLDER)


def test_a_bag_recorded_anew_before_the_old_one_was_sent_is_in_one_folder(desk: Desk) -> None:
    record(desk, 0)
    desk.wait(RESCAN_S + SETTLE_S + 2)
    shutil.rmtree(desk.logs / 'run')
    paths = [desk.write(f'run/run_{n}.mcap', LATER) for n in (0, 1)]
    paths.append(close(desk))
    desk.wait(RESCAN_S + SETTLE_S + 2)
    assert len({desk.folder(path) for path in paths}) == 1
    assert desk.folder(paths[0]) != FOLDER


def test_a_split_that_has_changed_is_accepted_again_in_the_same_folder(desk: Desk) -> None:
    split = record(desk, 0, 1)[1]
    desk.wait(RESCAN_S + SETTLE_S + 2)
    for transfer in desk.transfers():
        desk.ledger.rejected(transfer.id, 'a test', 'Test')
    with open(split, 'ab') as stream:
        stream.write(mcap())
    assert desk.wait(RESCAN_S + SETTLE_S + 2) == ['run_1.mcap']
    assert desk.folder(split) == FOLDER


class TestNames:
    def test_a_renamed_bag_is_one_by_its_metadata(self, desk: Desk) -> None:
        (desk.logs / 'other').mkdir()
        for path in (*record(desk, 0), close(desk)):
            path.rename(desk.logs / 'other' / path.name)
        assert desk.wait(RESCAN_S + SETTLE_S + 2) == ['run_0.mcap', 'metadata.yaml']
        assert desk.folder(desk.logs / 'other/run_0.mcap') == '20250727_143022_other'

    def test_another_metadata_yaml_makes_no_bag(self, desk: Desk) -> None:
        path = desk.write('data/flight.mcap', mcap())
        desk.write('data/metadata.yaml', b'title: my data\n')
        assert desk.wait(RESCAN_S + 3 * SETTLE_S) == ['flight.mcap']
        assert desk.folder(path) == ''

    def test_a_ulog_in_a_bag_is_a_log_of_its_own(self, desk: Desk) -> None:
        record(desk, 0)
        close(desk)
        ulog = desk.write('run/a.ulg', ULOG)
        names = desk.wait(RESCAN_S + SETTLE_S + 2)
        assert sorted(names) == ['a.ulg', 'metadata.yaml', 'run_0.mcap']
        assert desk.folder(ulog) == ''

    def test_one_file_that_a_pattern_names_brings_its_bag(self, tmp_path: Path) -> None:
        with desk_at(tmp_path, ('*.mcap',)) as desk:
            record(desk, 0)
            write_db3(desk.logs / 'run/run_1.db3')
            close(desk)
            write_db3(desk.logs / 'alone_0.db3')
            desk.wall_s += 1e9
            assert desk.look() == ['run_0.mcap', 'run_1.db3', 'metadata.yaml']

    def test_links_in_a_bag_are_not_followed(self, desk: Desk, tmp_path: Path) -> None:
        (tmp_path / 'secret').write_bytes(mcap())
        record(desk, 0)
        (desk.logs / 'run/run_1.mcap').symlink_to(tmp_path / 'secret')
        close(desk)
        assert desk.wait(RESCAN_S + SETTLE_S + 2) == ['run_0.mcap', 'metadata.yaml']


class TestCompression:
    def test_a_recorder_that_tells_too_early(self, desk: Desk) -> None:
        desk.write('run/run_0.mcap.zstd', zstd())
        plain = desk.write('run/run_1.mcap', mcap())
        assert desk.announce(plain) == ['run_0.mcap.zstd']
        assert desk.wait(2, plain) == []
        compressed = desk.write('run/run_1.mcap.zstd', zstd()[:-2])
        assert desk.wait(2, compressed) == []
        desk.write('run/run_1.mcap.zstd', zstd())
        plain.unlink()
        close(desk)
        assert desk.wait(6) == ['run_1.mcap.zstd']  # without settle_s: it was announced
        assert desk.wait(SETTLE_S) == ['metadata.yaml']

    def test_the_first_file_is_replaced_after_it_was_accepted(self, desk: Desk) -> None:
        plain = record(desk, 0)[0]
        assert desk.announce(plain) == ['run_0.mcap']
        desk.write('run/run_0.mcap.zstd', zstd())
        plain.unlink()
        close(desk)
        assert desk.wait(2 * SETTLE_S) == ['run_0.mcap.zstd', 'metadata.yaml']
        assert len({t.bag.id for t in desk.transfers() if t.bag}) == 1

    def test_a_crash_before_it_is_compressed_loses_nothing(self, desk: Desk) -> None:
        desk.write('run/run_0.mcap.zstd', zstd())
        desk.write('run/run_1.mcap', mcap())
        desk.write('run/run_1.mcap.zstd', zstd()[:-2])
        desk.write('run/run_2.mcap', mcap())
        names = desk.wait(RESCAN_S + SETTLE_S + 2)
        assert sorted(names) == ['run_0.mcap.zstd', 'run_1.mcap', 'run_1.mcap.zstd', 'run_2.mcap']


class TestNamedByAPerson:
    def test_all_of_it_is_accepted_metadata_last(self, desk: Desk, tmp_path: Path) -> None:
        directory = record(desk, 0, 1)[0].parent
        close(desk)
        moved = Path(shutil.move(directory, tmp_path / 'run'))
        transfers = desk.discovery.accept_directory(moved, urgent=True)
        assert [t.path.name for t in transfers] == ['run_0.mcap', 'run_1.mcap', 'metadata.yaml']
        assert all(t.urgent and t.bag and t.bag.folder == FOLDER for t in transfers)
        again = desk.discovery.accept_directory(moved)
        assert [t.id for t in again] == [t.id for t in transfers]

    def test_one_that_is_recorded_is_refused(self, desk: Desk) -> None:
        split = record(desk, 0)[0]
        desk.open.add(split)
        with pytest.raises(LocalFileChanged, match='still being recorded'):
            desk.discovery.accept_directory(split.parent)
        desk.open.clear()
        transfers = desk.discovery.accept_directory(split.parent)
        assert [t.note for t in transfers] == [NO_METADATA]

    def test_what_is_no_bag_is_refused(self, desk: Desk) -> None:
        with pytest.raises(InvalidRequest):
            desk.discovery.accept_directory(desk.logs)
        with pytest.raises(InvalidRequest):
            desk.discovery.accept_directory(desk.write('a.ulg'))
        with pytest.raises(LocalFileNotFound):
            desk.discovery.accept_directory(desk.logs / 'nothing')

    def test_a_file_of_a_bag_has_its_folder(self, desk: Desk) -> None:
        split = record(desk, 0)[0]
        bag = desk.discovery.bag_for(split)
        assert bag is not None
        assert bag.folder == FOLDER
        assert desk.discovery.bag_for(desk.write('a.ulg')) is None


def test_an_announced_directory_is_closed(desk: Desk) -> None:
    record(desk, 0, 1)
    metadata = close(desk)
    os.utime(metadata)
    assert desk.announce(metadata.parent) == ['run_0.mcap', 'run_1.mcap', 'metadata.yaml']
