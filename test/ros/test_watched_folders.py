"""Watched folders and rosbag2 directories, at the node."""
import os
from pathlib import Path
import shutil
from typing import Any
import zlib

from flightlog_bucket.srv import Delete, Info, Upload
import pytest
from std_msgs.msg import String
from support.expect import wait_until
from support.logs import METADATA
from support.logs import write_log as write_valid_log

BAG_CLOSED = '/flightlog_bucket/bag_closed'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / 'data'
    path.mkdir()
    return path


@pytest.fixture
def watching(parameters: dict[str, Any], folder: Path, sandbox) -> dict[str, Any]:
    parameters['robot_instance_id'] = f'drone-{folder.parent.name[:60]}'.replace('_', '-')
    return {**parameters, 'watch_directories': [str(folder)], 'settle_s': 0.3}


@pytest.fixture
def keys(sandbox, watching):
    prefix = f"flight_logs/{watching['robot_instance_id']}/"

    def list_keys() -> list[str]:
        found = sandbox.admin_client().list_objects_v2(Bucket=sandbox.bucket_name, Prefix=prefix)
        return [entry['Key'][len(prefix):] for entry in found.get('Contents', ())]
    return list_keys


def write_log(path: Path, content: str) -> Path:
    """Write a log elsewhere and move it in; other words are another content."""
    elsewhere = path.parent.parent / 'elsewhere'
    elsewhere.mkdir(exist_ok=True)
    duration_s = 1.0 + zlib.crc32(content.encode()) % 100 / 50
    made = write_valid_log(elsewhere / path.name, duration_s=duration_s)
    return Path(os.replace(made, path) or path)


def write_bag(folder: Path, name: str, splits: int = 2, *, is_closed: bool = True) -> Path:
    directory = folder.parent / 'made' / name
    directory.mkdir(parents=True)
    for number in range(splits):
        write_log(directory / f'{name}_{number}.mcap', f'{name} {number}')
    if is_closed:
        (directory / 'metadata.yaml').write_text(METADATA)
    return directory.rename(folder / name)


def test_what_lies_in_a_watched_folder_is_stored_once(start_node, watching, folder, keys,
                                                      ros) -> None:
    before = write_log(folder / 'before.mcap', 'before')
    node = start_node(watching).serving()
    node.wait_for(f'stored {before} as')
    during = write_log(folder / 'during.mcap', 'during')
    # Until that is written down, a caller shares the upload that is under way.
    wait_until(lambda: ros.call(Info, file_path=str(during)).file_state == 'stored')
    assert ros.call(Upload, file_path=str(during)).already_stored
    node.stop()
    after = write_log(folder / 'after.mcap', 'after')
    node = start_node({**watching, 'state_directory': str(folder.parent / 'node0/.ros')})
    node.wait_for(f'stored {after} as')
    assert sorted(key.partition('_')[2].partition('_')[2] for key in keys()) == [
        'after.mcap', 'before.mcap', 'during.mcap']


def test_a_log_that_changes_after_it_was_stored_is_a_new_version(start_node, watching, folder,
                                                                 keys) -> None:
    node = start_node(watching).serving()
    log = write_log(folder / 'flight.mcap', 'first')
    node.wait_for(f'stored {log} as')
    write_log(log, 'second')
    node.wait_for(f'stored {log} as', count=2)
    assert [key.partition('flight')[2] for key in keys()] == ['.mcap', '_2.mcap']


def test_a_file_that_is_being_written_waits_and_says_so(start_node, watching, folder,
                                                        ros) -> None:
    node = start_node(watching).serving()
    source = write_log(folder.parent / 'source.mcap', 'content').read_bytes()
    with open(folder / 'flight.mcap', 'wb') as stream:
        stream.write(source[:100])
        stream.flush()
        reasons = set()
        wait_until(lambda: reasons.add(ros.call(Info, file_path=stream.name).file_reason)
                   or any('a process has it open' in reason for reason in reasons))
        refused = ros.call(Upload, file_path=stream.name)
        assert (refused.status, 'open for writing' in refused.error) == (409, True)
        stream.write(source[100:])
    node.wait_for(f'stored {stream.name} as')


def test_a_bag_goes_into_one_folder_with_its_metadata_last(start_node, watching, folder,
                                                           keys) -> None:
    bag = write_bag(folder, 'run1', splits=3)
    node = start_node(watching).serving()
    node.wait_for(f'stored {bag / "metadata.yaml"} as')
    found = keys()
    assert {key.partition('/')[0] for key in found} == {'20250727_143022_run1'}
    assert [key.partition('/')[2] for key in found] == [
        'metadata.yaml', 'run1_0.mcap', 'run1_1.mcap', 'run1_2.mcap']
    stored = [line for line in node.log.splitlines() if ' stored ' in line]
    assert str(bag / 'metadata.yaml') in stored[-1]


def test_a_bag_whose_recorder_was_killed_goes_up_and_says_so(start_node, watching, folder, keys,
                                                             ros) -> None:
    bag = write_bag(folder, 'run1', is_closed=False)
    node = start_node(watching).serving()
    for number in range(2):
        node.wait_for(f'stored {bag / f"run1_{number}.mcap"} as')
    note = ros.call(Info, file_path=str(bag / 'run1_1.mcap')).file_note
    assert 'metadata.yaml is missing' in note
    (bag / 'metadata.yaml').write_text(METADATA)
    node.wait_for(f'stored {bag / "metadata.yaml"} as')
    assert {key.partition('/')[0] for key in keys()} == {'20250727_143022_run1'}


def test_a_bag_that_a_person_names(start_node, parameters, ros, tmp_path, sandbox) -> None:
    parameters['robot_instance_id'] = 'drone-bag'
    start_node(parameters).serving()
    bag = write_bag(tmp_path, 'run7')
    answer = ros.call(Upload, file_path=str(bag))
    assert (answer.success, answer.error) == (True, '')
    assert answer.s3_key == 'flight_logs/drone-bag/20250727_143022_run7/'
    assert answer.file_size == sum(file.stat().st_size for file in bag.iterdir())
    again = ros.call(Upload, file_path=str(bag))
    assert again.already_stored
    one = ros.call(Upload, file_path=str(bag / 'run7_0.mcap'))
    assert one.s3_key == 'flight_logs/drone-bag/20250727_143022_run7/run7_0.mcap'
    named = ros.call(Upload, file_path=str(bag), custom_filename='x.mcap')
    assert (named.status, 'keep their names' in named.error) == (400, True)
    (tmp_path / 'empty').mkdir()
    empty = ros.call(Upload, file_path=str(tmp_path / 'empty'))
    assert (empty.status, 'holds no file of a rosbag2 recording' in empty.error) == (400, True)


def test_every_way_to_name_a_log_is_one_upload(start_node, watching, folder, keys, ros) -> None:
    node = start_node(watching).serving()
    link = folder.parent / 'link'
    link.symlink_to(folder)
    log = write_log(folder / 'flight.mcap', 'content')
    ros.publish(String, BAG_CLOSED, data=str(log))
    ros.publish(String, BAG_CLOSED, data=str(link / 'flight.mcap'))
    assert ros.call(Upload, file_path=str(link / 'flight.mcap')).success
    assert ros.call(Upload, file_path=str(log), enqueue_only=True).success
    wait_until(lambda: ros.call(Info, file_path=str(log)).file_state == 'stored')
    wait_until(lambda: ros.call(Info).queued == 0)
    assert len(keys()) == 1
    node.wait_for(': stored ')
    assert node.log.count(': stored ') == 1


def test_what_was_deleted_from_the_bucket_is_not_stored_again_by_itself(
        start_node, watching, folder, keys, ros) -> None:
    node = start_node({**watching, 'rescan_period_s': 1}).serving()
    log = write_log(folder / 'flight.mcap', 'content')
    wait_until(lambda: ros.call(Info, file_path=str(log)).file_key)
    assert ros.call(Delete, s3_key=ros.call(Info, file_path=str(log)).file_key).success
    other = write_log(folder / 'other.mcap', 'other')
    node.wait_for(f'stored {other} as')
    info = ros.call(Info, file_path=str(log))
    assert (info.file_state, 'deleted from the bucket' in info.file_reason) == ('rejected', True)
    assert ros.call(Upload, file_path=str(log)).success
    assert len(keys()) == 2


def test_a_log_is_deleted_after_upload_where_that_is_asked_for(start_node, watching, folder,
                                                               keys) -> None:
    outside = write_log(folder.parent / 'outside.mcap', 'outside')
    node = start_node({**watching, 'retention': 'delete_after_upload'}).serving()
    bag = write_bag(folder, 'run1')
    log = write_log(folder / 'flight.mcap', 'content')
    wait_until(lambda: not bag.exists() and not log.exists(), within_s=50)
    assert len(keys()) == 4
    assert outside.exists()
    assert folder.is_dir()
    node.wait_for('deleted', count=4)


def test_a_folder_that_comes_later_is_watched(start_node, watching, folder) -> None:
    folder.rmdir()
    node = start_node({**watching, 'rescan_period_s': 1}).serving()
    folder.mkdir()
    log = write_log(folder / 'flight.mcap', 'content')
    node.wait_for(f'stored {log} as')
    shutil.rmtree(folder)
    os.mkdir(folder)
    log = write_log(folder / 'flight2.mcap', 'content 2')
    node.wait_for(f'stored {log} as')
