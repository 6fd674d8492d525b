"""When the disk is short, the oldest stored logs of that disk go, and no more than it takes."""
import os
from pathlib import Path

from flightlog_bucket.transfers.retention_policy import FREE_SPACE, RetentionPolicy
import pytest
from support.guarded import DAY_S, Guarded

LOG_BYTES = 100_000
WANTED_BYTES = 10_000_000
MODE = RetentionPolicy(FREE_SPACE, min_free_bytes=WANTED_BYTES)

pytestmark = pytest.mark.usefixtures('all_is_logged')


def stored_logs(place: Guarded, count: int) -> list[Path]:
    """Store logs, one a minute; the names say nothing of their age."""
    paths = []
    for number in range(count):
        paths.append(place.stored(f'{(number * 7) % count}.ulg', bytes(LOG_BYTES)))
        place.clock.passes(60)
    return paths


def short_by(place: Guarded, missing_bytes: int) -> None:
    """Let the disk have so much too little, and more with each log that goes."""
    before = sum(path.stat().st_size for path in place.watched.glob('*.ulg'))
    place.free_bytes = WANTED_BYTES - missing_bytes

    def disk_free(folder: Path) -> int:
        now = sum(path.stat().st_size for path in folder.glob('*.ulg'))
        return WANTED_BYTES - missing_bytes + before - now

    place.guardian(MODE, disk_free=disk_free).run_once()


def test_the_oldest_go_until_it_is_enough(place: Guarded) -> None:
    paths = stored_logs(place, 10)
    short_by(place, 3 * LOG_BYTES - 1)
    assert [path.exists() for path in paths] == [False] * 3 + [True] * 7
    assert {cause for _, cause in place.deletions()} == {'the disk is short'}


def test_nothing_goes_while_there_is_enough(place: Guarded) -> None:
    paths = stored_logs(place, 3)
    short_by(place, 0)
    assert all(path.exists() for path in paths)
    assert place.bucket.asked == []


def test_what_must_stay_is_passed_over(place: Guarded) -> None:
    paths = stored_logs(place, 10)
    place.open_files.add(paths[0])
    paths[1].write_bytes(b'another')
    short_by(place, LOG_BYTES)
    assert [path.exists() for path in paths] == [True, True, False] + [True] * 7


def test_a_disk_that_counts_late_loses_no_more_than_it_takes(place: Guarded) -> None:
    paths = stored_logs(place, 10)
    place.free_bytes = WANTED_BYTES - 3 * LOG_BYTES
    place.guardian(MODE).run_once()
    assert [path.exists() for path in paths] == [False] * 3 + [True] * 7


def test_nothing_more_goes_once_somebody_else_has_made_room(place: Guarded) -> None:
    paths = stored_logs(place, 4)
    place.guardian(MODE, disk_free=lambda _: 0 if paths[0].exists() else WANTED_BYTES).run_once()
    assert [path.exists() for path in paths] == [False] + [True] * 3


def test_a_full_disk_without_stored_logs_is_told_of_once(
        place: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    path = place.write('new.ulg')
    place.accept(path)
    guardian = place.guardian(MODE)
    for _ in range(3):
        guardian.run_once()
    assert path.exists()
    [line] = caplog.messages
    assert 'min_free_bytes' in line
    assert 'no stored log left' in line
    place.clock.passes(DAY_S)
    guardian.run_once()
    assert len(caplog.messages) == 2


def test_a_dry_run_names_what_it_would_take_and_no_more(
        place: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    paths = stored_logs(place, 5)
    place.free_bytes = WANTED_BYTES - 2 * LOG_BYTES
    guardian = place.guardian(RetentionPolicy(FREE_SPACE, min_free_bytes=WANTED_BYTES,
                                              dry_run=True))
    for _ in range(3):
        guardian.run_once()
    assert all(path.exists() for path in paths)
    assert [line.split(',')[0] for line in caplog.messages] == [
        f'would delete {path}' for path in paths[:2]]


def test_a_folder_that_is_not_there_holds_up_no_other(place: Guarded, tmp_path: Path) -> None:
    paths = stored_logs(place, 2)
    guardian = place.guardian(MODE, directories=[tmp_path / 'unplugged', place.watched])
    guardian.run_once()
    assert not any(path.exists() for path in paths)


@pytest.mark.skipif(not os.access('/dev/shm', os.W_OK), reason='there is no second file system')
def test_only_logs_of_the_disk_that_is_short_go(place: Guarded, tmp_path: Path) -> None:
    import tempfile
    with tempfile.TemporaryDirectory(dir='/dev/shm') as other:
        if os.stat(other).st_dev == os.stat(tmp_path).st_dev:
            pytest.skip('there is no second file system')
        elsewhere = Path(other) / 'elsewhere.ulg'
        elsewhere.write_bytes(bytes(LOG_BYTES))
        place.store(elsewhere)
        place.clock.passes(60)
        here = place.stored('here.ulg', bytes(LOG_BYTES))
        place.guardian(MODE, directories=[Path(other), place.watched],
                       disk_free=lambda folder: 0 if folder == place.watched else WANTED_BYTES,
                       ).run_once()
        assert (elsewhere.exists(), here.exists()) == (True, False)
