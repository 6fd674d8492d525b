"""The services of the node, against the sandbox."""
from pathlib import Path
import shutil

from flightlog_bucket.srv import Delete, Download, Info, List, Upload
from node_process import NodeProcess
from ros_client import RosClient
from support.expect import wait_until
from support.logs import write_log

PREFIX = 'flight_logs/drone-001/'


def test_the_main_job(node: NodeProcess, ros: RosClient, log: Path, tmp_path: Path) -> None:
    stored = ros.call(Upload, file_path=str(log))
    assert (stored.success, stored.status, stored.error) == (True, 200, '')
    assert stored.s3_key == f'{PREFIX}20250727_143022_{log.name}'
    assert stored.file_size == log.stat().st_size
    assert stored.content_type
    assert stored.file_url.endswith(stored.s3_key)
    assert not stored.already_stored

    listing = ros.call(List)
    assert (listing.success, listing.status) == (True, 200)
    found = {f.key: f for f in listing.files}[stored.s3_key]
    assert (found.size, found.url) == (stored.file_size, stored.file_url)
    assert found.last_modified.sec > 1_753_626_622

    copy = tmp_path / 'copy.mcap'
    fetched = ros.call(Download, s3_key=stored.s3_key, local_path=str(copy))
    assert (fetched.success, fetched.status) == (True, 200)
    assert (fetched.local_path, fetched.file_size) == (str(copy), stored.file_size)
    assert copy.read_bytes() == log.read_bytes()

    info = ros.call(Info, file_path=str(log))
    assert (info.file_state, info.file_key, info.file_reason) == ('stored', stored.s3_key, '')

    assert ros.call(Delete, s3_key=stored.s3_key).status == 200
    gone = ros.call(Delete, s3_key=stored.s3_key)
    assert (gone.success, gone.status) == (False, 404)
    assert stored.s3_key in gone.error


def test_info(node: NodeProcess, ros: RosClient) -> None:
    node_info = ros.call(Info)
    assert (node_info.success, node_info.status, node_info.error) == (True, 200, '')
    assert node_info.machine_prefix == PREFIX
    assert (node_info.bucket_name, node_info.region) == ('flight-logs', 'us-east-1')
    assert '.mcap' in node_info.allowed_extensions
    assert node_info.max_file_size == 2 * 1024 ** 3
    assert (node_info.queued, node_info.uploading, node_info.stored, node_info.rejected) == (
        0, 0, 0, 0)
    assert node_info.file_state == ''


def test_info_explains_a_file_that_nobody_named(node: NodeProcess, ros: RosClient) -> None:
    info = ros.call(Info, file_path='/nowhere/flight.ulg')
    assert info.file_state == 'unknown'
    assert info.file_reason == 'there is no such file'


def test_the_same_log_is_stored_once(node: NodeProcess, ros: RosClient, log: Path) -> None:
    first = ros.call(Upload, file_path=str(log))
    again = ros.call(Upload, file_path=str(log))
    assert again.success
    assert again.already_stored
    assert again.s3_key == first.s3_key


def test_a_custom_filename(node: NodeProcess, ros: RosClient, log: Path) -> None:
    name = f'mission_{log.name}'
    stored = ros.call(Upload, file_path=str(log), custom_filename=name)
    assert stored.s3_key == f'{PREFIX}20250727_143022_{name}'


def test_a_non_ascii_name(node: NodeProcess, ros: RosClient, log: Path) -> None:
    renamed = log.rename(log.with_name(f'Prüfflug_飛行_{log.name}'))
    stored = ros.call(Upload, file_path=str(renamed))
    assert stored.success, stored.error
    assert stored.s3_key.endswith(renamed.name)
    assert stored.s3_key in {f.key for f in ros.call(List).files}


def test_a_listing_in_pages(node: NodeProcess, ros: RosClient, log: Path, tmp_path: Path) -> None:
    keys = []
    for number in range(3):
        name = f'page{number}_{log.name}'
        keys.append(ros.call(Upload, file_path=str(log), custom_filename=name).s3_key)
    found, token = [], ''
    while True:
        page = ros.call(List, prefix='20250727_143022_page', max_keys=1, continuation_token=token)
        assert page.success, page.error
        found += [f.key for f in page.files]
        token = page.next_token
        if not token:
            break
    assert [k for k in found if k in keys] == keys


def test_a_relative_path_is_below_the_bag_directory(start_node, parameters, ros, log) -> None:
    start_node({**parameters, 'bag_directory': str(log.parent)}).serving()
    assert ros.call(Upload, file_path=log.name).success
    assert ros.call(Info, file_path=str(log)).file_state == 'stored'


def test_enqueue_only_answers_at_once(start_node, parameters, proxy, ros, log) -> None:
    proxy.black_hole()
    node = start_node({**parameters, 'endpoint_url': proxy.url}).serving()
    answer = ros.call(Upload, file_path=str(log), enqueue_only=True)
    assert (answer.success, answer.status, answer.s3_key) == (True, 202, '')
    proxy.heal()
    node.wait_for(f'stored {log} as')
    wait_until(lambda: ros.call(Info, file_path=str(log)).file_state == 'stored')


def test_enqueue_only_refuses_at_once_what_is_no_log(node: NodeProcess, ros: RosClient,
                                                     tmp_path: Path) -> None:
    answer = ros.call(Upload, file_path=str(tmp_path / 'missing.ulg'), enqueue_only=True)
    assert (answer.success, answer.status) == (False, 404)
    assert 'missing.ulg' in answer.error
    assert ros.call(Info).queued == 0


def test_what_failed_in_the_background_is_tried_again(start_node, parameters, proxy, ros,
                                                      log) -> None:
    node = start_node({**parameters, 'endpoint_url': proxy.url, 'request_timeout': 1,
                       'retry_max_delay_s': 1}).serving()
    proxy.refuse()
    ros.call(Upload, file_path=str(log), enqueue_only=True)
    node.wait_for('not stored yet, tried again')
    wait_until(lambda: ros.call(Info, file_path=str(log)).file_reason)
    info = ros.call(Info, file_path=str(log))
    assert info.file_state in ('queued', 'uploading')
    assert info.last_errors
    proxy.heal()
    node.wait_for(f'{log} as')
    wait_until(lambda: ros.call(Info, file_path=str(log)).file_state == 'stored')
    info = ros.call(Info, file_path=str(log))
    assert (info.file_state, info.file_reason, info.rejected) == ('stored', '', 0)


def test_errors_are_answers(node: NodeProcess, ros: RosClient, tmp_path: Path) -> None:
    text = tmp_path / 'notes.txt'
    text.write_text('no log')
    cases = (
        (Upload, {'file_path': ''}, 400, 'file_path is empty'),
        (Upload, {'file_path': '/nowhere/flight.ulg'}, 404, '/nowhere/flight.ulg'),
        (Upload, {'file_path': str(text)}, 400, 'Invalid file extension'),
        (Download, {'s3_key': f'{PREFIX}x.ulg', 'local_path': 'x.ulg'}, 400, 'absolute'),
        (Download, {'s3_key': f'{PREFIX}x.ulg', 'local_path': str(tmp_path / 'x')}, 404, 'x.ulg'),
        (Download, {'s3_key': 'flight_logs/drone-0010/x.ulg', 'local_path': str(tmp_path / 'x')},
         403, 'Access denied'),
        (Delete, {'s3_key': 'flight_logs/drone-002/x.ulg'}, 403, 'Access denied'),
        (List, {'max_keys': 1001}, 400, 'max_keys'),
        (List, {'prefix': '../drone-002/'}, 403, 'drone-002'),
    )
    for kind, fields, status, words in cases:
        answer = ros.call(kind, **fields)
        assert (answer.success, answer.status) == (False, status), (fields, answer.error)
        assert words in answer.error
        assert 'Traceback' not in node.log
    info = ros.call(Info, file_path='/nowhere/flight.ulg')
    assert info.file_state == 'rejected'
    assert 'not found' in info.file_reason
    assert any('/nowhere/flight.ulg' in error for error in info.last_errors)


def test_a_name_with_control_characters_does_not_reach_the_log(node, ros, tmp_path) -> None:
    source = write_log(tmp_path / 'flight.ulg')
    odd = tmp_path / 'a\nb\x1b[31m.ulg'
    shutil.copy(source, odd)
    answer = ros.call(Upload, file_path=str(odd))
    assert answer.success, answer.error
    assert '\x1b[31m' not in node.log
    assert ros.call(Info).success


def test_a_surprise_in_a_callback_is_500_and_no_end(start_node, parameters, ros, log) -> None:
    program = ('-c', 'from flightlog_bucket.bucket import FlightLogBucket\n'
                     'from flightlog_bucket.ros.main import main\n'
                     'def fail(self, **kwargs):\n'
                     '    raise RuntimeError("a surprise")\n'
                     'FlightLogBucket.list_files = fail\n'
                     'FlightLogBucket.credential_status = fail\n'
                     'main()')
    node = start_node(parameters, program=program).serving()
    for kind in (List, Info, List):
        answer = ros.call(kind)
        assert (answer.success, answer.status) == (False, 500)
        assert 'RuntimeError' in answer.error
    node.wait_for('RuntimeError: a surprise', count=3)
    assert ros.call(Upload, file_path=str(log)).success
    assert node.is_running()


def test_every_call_of_a_burst_is_answered(node: NodeProcess, ros: RosClient) -> None:
    # The first answer may come before the middleware of the node has found the client's reader.
    for kind in (List, Info):
        assert ros.call(kind).success
    answers = [ros.begin(kind) for _ in range(60) for kind in (List, Info)]
    assert all(answer.get().success for answer in answers)
