"""Whatever text comes, every way to the bucket says the same of it."""
from collections.abc import Iterator, Mapping
from pathlib import Path

from contract.driver import Driver, Outcome
from contract.ways import FOLDER, open_ways
from flightlog_bucket.sandbox import Sandbox
from hypothesis import given, HealthCheck, settings
from hypothesis import strategies as st
import pytest
from ros_client import RosClient
from support.logs import write_dated_log

EXAMPLES = 60
WITHIN_LIMITS = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
                         suppress_health_check=[HealthCheck.too_slow])

# A text of ROS ends at its first NUL.
texts = st.text(max_size=40).map(lambda text: text.replace('\0', ''))
segments = st.one_of(texts, st.sampled_from([
    '', '.', '..', '...', '%2e%2e', '%2F', '%00', '%', '+', ' ', '?', '#', '&x=1', ';', '\\', ':',
    '~', '\t', '\r\n', '\u202e', '\ufffe', '\ufffd', '"', "'", '<b>', '🚁', 'drone-002', 'x.ulg']))
paths = st.lists(segments, min_size=1, max_size=4).map('/'.join)
keys = st.one_of(paths, paths.map(lambda path: FOLDER + path),
                 paths.map(lambda path: FOLDER + '../' + path))
names = st.one_of(paths, segments, segments.map(lambda text: f'{text}.ulg'),
                  texts.map(lambda text: f'{text}.ulg'),
                  texts.map(lambda text: text * 12 + '.ulg'))


@pytest.fixture(scope='module')
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('hostile')


@pytest.fixture(scope='module')
def ways(sandbox: Sandbox, ros: RosClient, home: Path) -> Iterator[Mapping[str, Driver]]:
    """Return the ways to the logs of one machine."""
    with open_ways(ros, home / 'node', sandbox.node_parameters()) as opened:
        yield opened


@pytest.fixture(scope='module')
def flight(home: Path) -> Path:
    return write_dated_log(home / 'flight.ulg')


def the_same(outcomes: Mapping[str, Outcome]) -> Outcome:
    """Return what all of them say."""
    first = outcomes['ros']
    assert all(outcome == first for outcome in outcomes.values()), outcomes
    return first


@given(key=keys)
@WITHIN_LIMITS
def test_a_key(ways: Mapping[str, Driver], home: Path, key: str) -> None:
    target = home / 'fetched'
    fetched = the_same({name: way.download(key, target) for name, way in ways.items()})
    deleted = the_same({name: way.delete(key) for name, way in ways.items()})
    assert fetched.status == deleted.status
    assert fetched.status in (400, 403, 404)
    assert not target.exists()


@given(prefix=keys)
@WITHIN_LIMITS
def test_a_prefix(ways: Mapping[str, Driver], prefix: str) -> None:
    listed = the_same({name: way.list(prefix=prefix) for name, way in ways.items()})
    assert listed.status in (200, 400, 403)
    assert all(file['key'].startswith(FOLDER) for file in listed.fields.get('files', ()))


@given(name=names.filter(bool))
@WITHIN_LIMITS
def test_a_custom_filename(ways: Mapping[str, Driver], flight: Path, name: str) -> None:
    outcomes = {way: driver.upload(flight, name) for way, driver in ways.items()}
    stored = [outcome.fields.get('s3_key', '') for outcome in outcomes.values()]
    assert {(outcome.status, outcome.error, key)
            for outcome, key in zip(outcomes.values(), stored, strict=True)} == {
        (outcomes['ros'].status, outcomes['ros'].error, stored[0])}, outcomes
    assert outcomes['ros'].status in (200, 400)
    if stored[0]:
        assert stored[0] == f'{FOLDER}20250727_143022_{name}'
        assert next(iter(ways.values())).delete(stored[0]).status == 200
