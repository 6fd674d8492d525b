"""What the node says of logs that are cut off or corrupt, and of what is in the good ones."""
import json
from pathlib import Path

from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.srv import Info, List, Upload
from node_process import NodeProcess
from robot import Robot
from ros_client import RosClient
from std_srvs.srv import SetBool
from support.children import children_of
from support.damaged import write_corrupt, write_corrupt_within, write_cut
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.logs import METADATA, write_all, write_dated_log, write_long_to_check

START_S = 1_753_626_622


def test_a_corrupt_log_is_named_as_such(node: NodeProcess, ros: RosClient,
                                        tmp_path: Path) -> None:
    path = write_corrupt(tmp_path / 'flight.ulg')
    for enqueue_only in (True, False):
        answer = ros.call(Upload, file_path=str(path), enqueue_only=enqueue_only)
        assert (answer.success, answer.status) == (False, 422)
        assert f"'{path}' is corrupt: " in answer.error
    info = ros.call(Info, file_path=str(path))
    assert (info.file_state, info.file_verdict) == ('rejected', 'corrupt')
    assert 'is corrupt' in info.file_verdict_reason
    node.wait_for('is corrupt')
    assert str(path) not in str(ros.call(List).files)


def test_a_corrupt_log_in_a_watched_folder_is_named_and_can_be_kept(
        robot: Robot, tmp_path: Path) -> None:
    folder = tmp_path / 'data'
    folder.mkdir()
    path = write_corrupt(folder / 'flight.mcap')
    robot.switch_on(watch_directories=[str(folder)], settle_s=0.1).serving()
    wait_until(lambda: robot.info(path).file_state == 'rejected', 60.0)
    assert robot.info(path).file_verdict == 'corrupt'
    robot.switch_off()

    robot.switch_on(upload_corrupt=True).serving()
    kept = robot.call(Upload, file_path=str(path))
    assert (kept.success, kept.verdict) == (True, 'corrupt'), kept.error
    assert kept.s3_key.startswith(f'{robot.machine_prefix}corrupt/')
    assert kept.verdict_reason
    assert robot.info(path).file_verdict == 'corrupt'
    assert path.exists()


def test_a_log_that_was_cut_off_is_stored_and_marked(node: NodeProcess, ros: RosClient,
                                                     tmp_path: Path) -> None:
    path = write_cut(tmp_path / 'flight.ulg')
    stored = ros.call(Upload, file_path=str(path))
    assert (stored.success, stored.verdict) == (True, 'truncated'), stored.error
    assert stored.verdict_reason
    listed = {file.key: file for file in ros.call(List).files}[stored.s3_key]
    assert listed.verdict == 'truncated'
    info = ros.call(Info, file_path=str(path))
    assert (info.file_state, info.file_verdict) == ('stored', 'truncated')
    assert info.file_verdict_reason == stored.verdict_reason
    node.wait_for('flight.ulg is truncated')


def test_the_list_tells_in_short_what_is_in_each_log_with_one_request(
        robot: Robot, proxy: FaultProxy, tmp_path: Path) -> None:
    robot.switch_on(endpoint_url=proxy.url).serving()
    for path in write_all(tmp_path):
        assert robot.call(Upload, file_path=str(path)).success
    wait_until(lambda: all(exchange.is_done for exchange in proxy.exchanges))
    before = len(proxy.exchanges)
    files = robot.call(List).files
    assert [exchange.kind for exchange in proxy.exchanges[before:]] == ['list-type']
    assert {file.format for file in files} == {
        'ulog', 'rosbag1', 'mcap', 'sqlite3', 'mcap.zstd', 'sqlite3.zstd'}
    for file in files:
        assert file.verdict == 'valid'
        assert file.start.sec == START_S
        assert 1.0 < file.duration_s < 3.0
        assert file.message_count > 0
    # It comes from the ledger: a restart does not forget it.
    robot.cut_power()
    robot.switch_on(endpoint_url=proxy.url).serving()
    assert robot.call(List).files == files


def test_info_tells_at_length_what_is_in_a_stored_log(robot: Robot, tmp_path: Path) -> None:
    robot.switch_on().serving()
    stored = robot.call(Upload, file_path=str(write_dated_log(tmp_path / 'flight.bag')))
    info = robot.call(Info, s3_key=stored.s3_key)
    assert (info.success, info.status) == (True, 200)
    assert (info.object.key, info.object.size) == (stored.s3_key, stored.file_size)
    assert (info.object.verdict, info.object.start.sec) == ('valid', START_S)
    told = json.loads(info.object_description)
    assert told['start'].startswith('2025-07-27T14:30:22')
    assert all(topic['name'].startswith('/') and topic['type'] for topic in told['topics'])
    assert sum(topic['message_count'] for topic in told['topics']) == told['message_count']

    # A machine that has lost its ledger knows it from the object.
    robot.switch_off()
    robot = robot.with_state(tmp_path / 'new')
    robot.switch_on().serving()
    assert robot.call(List).files[0].verdict == ''
    again = robot.call(Info, s3_key=stored.s3_key)
    assert json.loads(again.object_description) == told
    assert again.object.verdict == 'valid'


def test_info_of_a_key_that_is_not_there_or_another_machines(node: NodeProcess,
                                                             ros: RosClient) -> None:
    missing = ros.call(Info, s3_key='flight_logs/drone-001/20250727_143022_no.ulg')
    assert (missing.success, missing.status) == (False, 404)
    assert 'no.ulg' in missing.error
    assert missing.bucket_name
    foreign = ros.call(Info, s3_key='flight_logs/drone-0/20250727_143022_no.ulg')
    assert (foreign.success, foreign.status) == (False, 403)


def test_a_full_check_is_made_where_it_is_wanted(robot: Robot, tmp_path: Path) -> None:
    path = write_corrupt_within(tmp_path / 'flight.ulg')
    robot.switch_on(validation_level='full').serving()
    answer = robot.call(Upload, file_path=str(path))
    assert (answer.success, answer.status) == (False, 422), answer
    assert robot.info(path).file_verdict == 'corrupt'
    info = robot.call(Info)
    assert (info.validation_level, info.upload_corrupt) == ('full', False)
    good = robot.call(Upload, file_path=str(write_dated_log(tmp_path / 'good.mcap')))
    assert (good.success, good.verdict, good.verdict_reason) == (True, 'valid', '')


def test_of_a_recording_with_a_corrupt_file_the_others_are_stored(
        robot: Robot, tmp_path: Path) -> None:
    bag = tmp_path / 'run'
    bag.mkdir()
    for number in range(2):
        write_dated_log(bag / f'run_{number}.mcap', duration_s=1.0 + number)
    write_corrupt(bag / 'run_2.mcap')
    (bag / 'metadata.yaml').write_text(METADATA)
    robot.switch_on().serving()
    answer = robot.call(Upload, file_path=str(bag), enqueue_only=True)
    assert (answer.status, answer.verdict) == (422, 'corrupt')
    assert 'run_2.mcap' in answer.error
    robot.wait_until_stored(bag / name for name in ('run_0.mcap', 'run_1.mcap', 'metadata.yaml'))
    wait_until(lambda: robot.info(bag / 'run_2.mcap').file_state == 'rejected', 30.0)
    robot.switch_off()

    # Who wants such files as well has them sent after the next start.
    robot.switch_on(upload_corrupt=True).serving()
    robot.wait_until_stored([bag / 'run_2.mcap'])
    assert '/corrupt/' in robot.info(bag / 'run_2.mcap').file_key
    whole = robot.call(Upload, file_path=str(bag))
    assert (whole.success, whole.verdict) == (True, 'corrupt'), whole.error
    assert '/corrupt/' not in whole.s3_key


def test_an_object_that_somebody_replaced_is_not_described_as_the_log_that_it_was(
        robot: Robot, sandbox: Sandbox, tmp_path: Path) -> None:
    robot.switch_on().serving()
    key = robot.call(Upload, file_path=str(write_dated_log(tmp_path / 'x.bag'))).s3_key
    sandbox.admin_client().put_object(
        Bucket=sandbox.bucket_name, Key=key, Body=b'other', Metadata={
            'log-verdict': 'splendid', 'log-description': '{"start":"0001-01-01"}'})
    assert robot.call(List).files[0].verdict == ''
    info = robot.call(Info, s3_key=key)
    assert (info.success, info.object.verdict, info.object.start.sec) == (True, 'splendid', 0)


def test_a_pause_ends_a_full_check_that_is_made_anew_when_it_is_over(
        robot: Robot, tmp_path: Path) -> None:
    path = write_long_to_check(tmp_path / 'flight.ulg')
    robot.switch_on(validation_level='full').serving()
    assert robot.call(SetBool, 'set_paused', data=False).success  # the next call is a quick one
    answer = robot.begin(Upload, file_path=str(path))
    wait_until(lambda: bool(children_of(robot.node.pid)), 30.0)
    assert robot.call(SetBool, 'set_paused', data=True).success
    wait_until(lambda: not children_of(robot.node.pid), 10.0)
    assert answer.get().status == 503
    # The child is gone before the try has ended.
    wait_until(lambda: robot.info(path).file_state == 'queued')
    robot.call(SetBool, 'set_paused', data=False)
    robot.wait_until_stored([path])
    assert robot.info(path).file_verdict == 'valid'
