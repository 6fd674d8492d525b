"""One contract for the three ways to the bucket: what one does and refuses, all of them do."""
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from contract.cases import (
    FOREIGN_KEYS,
    FOREIGN_PREFIXES,
    GOOD_NAMES,
    MISSING_KEYS,
    OWN,
    REFUSED_LOGS,
    REFUSED_NAMES,
    RefusedLog,
    UNSENDABLE_KEYS,
)
from contract.driver import Driver, Outcome
from contract.ways import FOLDER, MACHINE, open_ways, WAYS
from flightlog_bucket.sandbox import Sandbox
import pytest
from ros_client import RosClient
from support.damaged import write_cut
from support.expect import wait_until
from support.logs import write_big_ulg, write_dated_log

TOO_LARGE = 200_000  # bytes
CONTENT_TYPES = {
    '.ulg': 'application/x-ulog', '.bag': 'application/x-rosbag', '.mcap': 'application/x-mcap',
    '.db3': 'application/vnd.sqlite3', '.mcap.zstd': 'application/zstd',
    '.db3.zstd': 'application/zstd'}


@pytest.fixture(scope='module')
def ways(sandbox: Sandbox, ros: RosClient, tmp_path_factory: pytest.TempPathFactory,
         ) -> Iterator[Mapping[str, Driver]]:
    """Return the ways to the logs of one machine."""
    parameters = {**sandbox.node_parameters(), 'max_file_size': TOO_LARGE}
    with open_ways(ros, tmp_path_factory.mktemp('contract') / 'node', parameters) as opened:
        yield opened


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, ways: Mapping[str, Driver]) -> Driver:
    """Return one of the ways."""
    return ways[request.param]


@pytest.fixture
def flight(tmp_path: Path) -> Path:
    """Return a ULog whose name no other test has."""
    return write_dated_log(tmp_path / f'{tmp_path.name}.ulg')


def within(folder: str, cases: Any) -> Any:
    """Return the keys or prefixes with the folder of the machine."""
    return [case.replace(OWN, folder) for case in cases]


def key_of(name: str) -> str:
    return f'{FOLDER}20250727_143022_{name}'


@pytest.mark.parametrize('extension', CONTENT_TYPES)
def test_a_log_of_each_format_comes_back_as_it_was(way: Driver, extension: str,
                                                   tmp_path: Path, sandbox: Sandbox) -> None:
    path = write_dated_log(tmp_path / f'{tmp_path.name}{extension}')
    key = key_of(path.name)
    stored = {
        's3_key': key, 'file_url': f'{sandbox.endpoint_url}/{sandbox.bucket_name}/{key}',
        'file_size': path.stat().st_size, 'content_type': CONTENT_TYPES[extension],
        'already_stored': False, 'verdict': 'valid', 'verdict_reason': ''}
    assert way.upload(path) == Outcome(200, '', stored)
    assert way.upload(path) == Outcome(200, '', {**stored, 'already_stored': True})
    copy = tmp_path / 'copy'
    assert way.download(key, copy) == Outcome(200, '', {'file_size': path.stat().st_size})
    assert copy.read_bytes() == path.read_bytes()


def test_what_one_way_stores_all_of_them_have(ways: Mapping[str, Driver], tmp_path: Path) -> None:
    for name, stores in ways.items():
        path = write_dated_log(tmp_path / f'{tmp_path.name}_{name}.mcap')
        key = stores.upload(path)['s3_key']
        listings = [way.list(prefix=key) for way in ways.values()]
        for listing in listings:
            assert listing == listings[0]
        assert [file['key'] for file in listings[0]['files']] == [key]
        for way in ways.values():
            copy = tmp_path / 'copy'
            assert way.download(key, copy).status == 200
            assert copy.read_bytes() == path.read_bytes()
            assert way.upload(path)['already_stored']


def test_a_log_that_was_cut_off_is_stored_and_marked(way: Driver, tmp_path: Path) -> None:
    path = write_cut(tmp_path / f'{tmp_path.name}.ulg')
    stored = way.upload(path)
    assert (stored.status, stored['verdict']) == (200, 'truncated')
    assert stored['verdict_reason'].startswith('the file ends inside the message')


@pytest.mark.parametrize('name', GOOD_NAMES)
def test_a_custom_filename(way: Driver, flight: Path, name: str, tmp_path: Path) -> None:
    stored = way.upload(flight, name)
    assert stored['s3_key'] == key_of(name)
    assert [f['key'] for f in way.list(prefix=f'20250727_143022_{name}')['files']] == [
        key_of(name)]
    assert way.download(key_of(name), tmp_path / 'copy').status == 200
    assert (tmp_path / 'copy').read_bytes() == flight.read_bytes()
    assert way.delete(key_of(name)) == Outcome(200)


@pytest.mark.parametrize(('name', 'stored_as'), [
    ('.hidden{}.ulg', '_hidden{}.ulg'), ('Prüfflug 飛行 50%+&=#?{}.ULG', None),
    ("it's [a] ~ *{}.ulg", None), ('gpj\u202eglu{}.ulg', 'gpj_glu{}.ulg')])
def test_a_name_of_its_own(way: Driver, flight: Path, name: str, stored_as: str) -> None:
    path = flight.rename(flight.with_name(name.format(flight.stem)))
    assert way.upload(path)['s3_key'] == key_of((stored_as or name).format(flight.stem))


@pytest.mark.parametrize('case', REFUSED_LOGS, ids=lambda case: case.name)
def test_a_log_that_is_refused(way: Driver, case: RefusedLog, tmp_path: Path) -> None:
    path = tmp_path / f'{tmp_path.name}_{case.name}'
    if case.name == 'ulg':
        path = tmp_path / 'ulg'
    case.write(path)
    assert way.upload(path) == Outcome(case.status, case.error)
    assert way.list(prefix=f'20250727_143022_{path.name}')['files'] == []


def test_a_log_that_is_too_large(way: Driver, tmp_path: Path) -> None:
    for size in (TOO_LARGE, TOO_LARGE + 1, 20 * TOO_LARGE):
        refused = way.upload(write_big_ulg(tmp_path / f'{size}.ulg', size))
        assert refused.status == 413
        # How large it is knows who has all of it; what arrives is refused on the way.
        assert refused.error.startswith('File validation failed: '), refused.error
        assert f' {TOO_LARGE} ' in refused.error
        assert refused.error.endswith('(max_file_size)')
    largest = write_big_ulg(tmp_path / f'{tmp_path.name}.ulg', TOO_LARGE - 1)
    assert way.upload(largest)['file_size'] == TOO_LARGE - 1


@pytest.mark.parametrize('name', ['ros', 'rest'])
def test_a_log_that_nobody_waits_for(ways: Mapping[str, Any], name: str, flight: Path,
                                     tmp_path: Path) -> None:
    accepted = ways[name].upload(flight, enqueue_only=True)
    assert (accepted.status, accepted.error) == (202, '')
    assert set(accepted.fields) == ({'transfer_id'} if name == 'rest' else set())
    wait_until(lambda: ways[name].list(prefix=key_of(flight.name))['files'], 30)
    for case in REFUSED_LOGS:
        path = tmp_path / case.name
        case.write(path)
        assert ways[name].upload(path, enqueue_only=True) == Outcome(case.status, case.error)


def test_where_nothing_keeps_a_log_somebody_has_to_wait(ways: Mapping[str, Any],
                                                        flight: Path) -> None:
    refused = ways['application'].upload(flight, enqueue_only=True)
    assert refused.status == 400
    assert 'enqueue_only' in refused.error
    assert ways['application'].list(prefix=key_of(flight.name))['files'] == []


@pytest.mark.parametrize('name', ['rest', 'proxy', 'application'])
def test_another_machine(ways: Mapping[str, Any], name: str, flight: Path,
                         tmp_path: Path) -> None:
    way, other = ways[name], 'drone-contract0'
    key = way.upload(flight)['s3_key']
    refused = Outcome(403, f'Access denied: this is machine {MACHINE!r}; the logs of {other!r}'
                           ' are not its own')
    assert way.list(machine_id=other) == refused
    assert way.download(key, tmp_path / 'copy', other) == refused
    assert way.delete(key, other) == refused
    assert way.list(prefix=key, machine_id=MACHINE)['files'] != []


@pytest.mark.parametrize(('name', 'error'), REFUSED_NAMES.items())
def test_a_custom_filename_that_is_refused(way: Driver, flight: Path, name: str,
                                           error: str) -> None:
    assert way.upload(flight, name) == Outcome(400, error)
    assert way.list(prefix=f'20250727_143022_{flight.name}')['files'] == []


def test_a_listing_in_pages(way: Driver, flight: Path) -> None:
    names = [f'{flight.stem}_page{number}.ulg' for number in range(3)]
    for name in names:
        way.upload(flight, name)
    found: list[Any] = []
    token = ''
    while True:
        page = way.list(prefix=f'20250727_143022_{flight.stem}', max_keys=2,
                        continuation_token=token)
        assert len(page['files']) in (1, 2)
        found += page['files']
        token = page['next_token']
        if not token:
            break
    assert [file['key'] for file in found] == [key_of(name) for name in names]
    assert {file['size'] for file in found} == {flight.stat().st_size}
    age = datetime.now(timezone.utc) - found[0]['last_modified']
    assert timedelta(minutes=-1) < age < timedelta(minutes=5)


def test_a_prefix_may_be_whole(way: Driver, flight: Path) -> None:
    key = way.upload(flight)['s3_key']
    for prefix in (key, key[len(FOLDER):], key[:-4], key[len(FOLDER):-4]):
        assert [file['key'] for file in way.list(prefix=prefix)['files']] == [key]
    assert way.list(prefix=f'2024{flight.name}')['files'] == []
    assert way.list(prefix='a b+%2F?#&=飛行')['files'] == []


@pytest.mark.parametrize('max_keys', [1001, 2 ** 32 - 1])
def test_a_page_has_a_thousand_keys_at_most(way: Driver, max_keys: int) -> None:
    refused = way.list(max_keys=max_keys)
    assert refused.status == 400
    # A message of ROS has no None: there, 0 is what stands for all of a page.
    assert refused.error.partition(', or 0')[0] == f'max_keys is {max_keys}; give 1 to 1000'


@pytest.mark.parametrize('prefix', within(FOLDER, FOREIGN_PREFIXES))
def test_a_prefix_that_leads_out_of_the_folder(way: Driver, prefix: str) -> None:
    assert way.list(prefix=prefix) == Outcome(
        403, f'Access denied: the prefix {prefix!r} leads out of the folder of this machine,'
             f' {FOLDER!r}')


@pytest.mark.parametrize(('prefix', 'error'), list(UNSENDABLE_KEYS.items())[1:])
def test_a_prefix_that_cannot_be_meant(way: Driver, prefix: str, error: str) -> None:
    prefix = prefix.replace(OWN, FOLDER)
    assert way.list(prefix=prefix) == Outcome(
        400, (error % 'prefix').replace('{key}', repr(prefix)))


@pytest.mark.parametrize('key', within(FOLDER, FOREIGN_KEYS))
def test_a_key_out_of_the_folder(way: Driver, key: str, tmp_path: Path) -> None:
    refused = Outcome(403, f'Access denied: {key!r} is not a key in the folder of this machine,'
                           f' {FOLDER!r}')
    assert way.download(key, tmp_path / 'copy') == refused
    assert way.delete(key) == refused
    assert not (tmp_path / 'copy').exists()


@pytest.mark.parametrize('key', within(FOLDER, MISSING_KEYS))
def test_a_key_of_nothing(way: Driver, key: str, tmp_path: Path, sandbox: Sandbox) -> None:
    there_is_no = f'File not found: there is no {key!r} in'
    assert way.download(key, tmp_path / 'copy') == Outcome(
        404, f'{there_is_no} bucket {sandbox.bucket_name!r}')
    assert way.delete(key) == Outcome(404, f'{there_is_no} the bucket; nothing was deleted')
    assert not (tmp_path / 'copy').exists()


@pytest.mark.parametrize(('key', 'error'), UNSENDABLE_KEYS.items())
def test_a_key_that_cannot_be_meant(way: Driver, key: str, error: str, tmp_path: Path) -> None:
    key = key.replace(OWN, FOLDER)
    refused = Outcome(400, (error % 's3_key').replace('{key}', repr(key)))
    assert way.download(key, tmp_path / 'copy') == refused
    assert way.delete(key) == refused
    assert not (tmp_path / 'copy').exists()


def test_a_deleted_log_is_gone(way: Driver, flight: Path, tmp_path: Path) -> None:
    key = way.upload(flight)['s3_key']
    assert way.delete(key) == Outcome(200)
    assert way.delete(key).status == 404
    assert way.download(key, tmp_path / 'copy').status == 404
    assert way.list(prefix=key)['files'] == []
    # Who asks for it again gets it stored again.
    again = way.upload(flight)
    assert (again['s3_key'], again['already_stored']) == (key, False)


def test_info(way: Driver, sandbox: Sandbox) -> None:
    assert way.list().status == 200  # for which there must be a session token
    assert way.info() == Outcome(200, '', {
        'bucket_name': sandbox.bucket_name, 'region': 'us-east-1',
        'endpoint_url': sandbox.endpoint_url, 'upload_prefix': 'flight_logs/',
        'robot_instance_id': MACHINE, 'machine_prefix': FOLDER,
        'session_token_url': sandbox.session_token_url, 'max_file_size': TOO_LARGE,
        'allowed_extensions': ['.ulg', '.ulge', '.bag', '.mcap', '.db3', '.mcap.zstd',
                               '.db3.zstd'],
        'validation_level': 'structure', 'upload_corrupt': False,
        'credential_state': 'valid', 'credential_error': ''})
