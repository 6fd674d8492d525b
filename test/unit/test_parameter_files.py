"""Parameter files of ROS 2, read without ROS."""
import math
import os
from pathlib import Path

from flightlog_bucket.errors import ConfigurationError
from flightlog_bucket.parameters.plain_yaml import load_plain, NotPlain
from flightlog_bucket.parameters.table import TABLE
from flightlog_bucket.parameters.yaml_file import read_parameter_file
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / 'flightlog.yaml'


def read(file: Path, content: str, node: str = '') -> dict[str, object]:
    file.write_text(content)
    return read_parameter_file(file, node)


@pytest.mark.parametrize('names', [
    '/**', '/*', '/flightlog_bucket', 'flightlog_bucket', '/my_name', 'my_name',
    '/drone/flightlog_bucket', '/**/flightlog_bucket'])
def test_whatever_its_node_is_called(names: str, file: Path) -> None:
    assert read(file, f'{names}: {{ros__parameters: {{region: eu-central-1}}}}') == {
        'region': 'eu-central-1'}


def test_a_namespace_can_be_a_level(file: Path) -> None:
    text = 'fleet:\n  drone:\n    flightlog_bucket:\n      ros__parameters:\n        region: b\n'
    assert read(file, text, '/fleet/drone/flightlog_bucket') == {'region': 'b'}
    assert read(file, text) == {'region': 'b'}


def test_an_exact_name_goes_before_a_pattern(file: Path) -> None:
    text = ('/flightlog_bucket: {ros__parameters: {region: exact}}\n'
            '/**: {ros__parameters: {region: pattern, upload_prefix: logs}}\n')
    assert read(file, text) == {'region': 'exact', 'upload_prefix': 'logs'}


def test_of_several_nodes_one_is_chosen(file: Path) -> None:
    text = ('/**: {ros__parameters: {upload_prefix: logs}}\n'
            '/a/flightlog_bucket: {ros__parameters: {region: a}}\n'
            '/b/flightlog_bucket: {ros__parameters: {region: b}}\n'
            '/camera: {ros__parameters: {fps: 30}}\n')
    assert read(file, text, '/b/flightlog_bucket') == {'upload_prefix': 'logs', 'region': 'b'}
    assert read(file, text, '/c/flightlog_bucket') == {'upload_prefix': 'logs'}
    with pytest.raises(ConfigurationError, match='several nodes; choose one with --node: /a/'):
        read(file, text)


def test_another_nodes_parameters_are_not_taken(file: Path) -> None:
    assert read(file, '/**: {ros__parameters: {region: a}}\n'
                      '/camera: {ros__parameters: {fps: 30}}') == {'region': 'a'}
    with pytest.raises(ConfigurationError, match='has nothing for /a/x; it names /camera'):
        read(file, '/camera: {ros__parameters: {fps: 30}}', '/a/x')


def test_a_group_is_written_with_a_dot(file: Path) -> None:
    assert read(file, '/**: {ros__parameters: {qos_overrides: {/a: {depth: 3}}, region: x}}') == {
        'qos_overrides./a.depth': 3, 'region': 'x'}


@pytest.mark.parametrize(('text', 'value'), [
    ('30', 30), ('-5', -5), ('+5', 5), ('0x1F', 31), ('010', 8), ('09', 9.0), ('0', 0),
    ('3.5', 3.5), ('.5', 0.5), ('1e3', 1000.0), ('-.inf', -math.inf),
    ('true', True), ('On', True), ('YES', True), ('y', True), ('n', False), ('Off', False),
    ('tRue', 'tRue'), ('12:30', '12:30'), ('2025-07-27', '2025-07-27'), ('1_000', '1_000'),
    ('"30"', '30'), ("'true'", 'true'), ('drone-001', 'drone-001'), ('1.2.3', '1.2.3'),
    ('~', '~'), ('null', 'null'), ('[a, b]', ['a', 'b']), ('[1, 2]', [1, 2]), ('[]', []),
    ('é', 'é')])
def test_words_are_what_ros_takes_them_for(text: str, value: object, file: Path) -> None:
    found = read(file, f'/**: {{ros__parameters: {{robot_instance_id: {text}}}}}')
    assert found == {'robot_instance_id': value}
    assert type(found['robot_instance_id']) is type(value)


@pytest.mark.parametrize(('text', 'words'), [
    ('', 'has no ros__parameters'), ('a: b', 'a has no ros__parameters'),
    ('- a', 'has no ros__parameters'), ('{}', 'ros__parameters is missing'),
    ('/**: {ros__parameters: 3}', 'holds no parameters'),
    ('/**: {ros__parameters: [a', 'in line 1'), ('a: b: c', 'in line 1'),
    ('a: &x {b: c}\nd: *x', 'alias'), ('\0', 'no YAML text'), ('[' * 5000, 'YAML'),
    ('{a: ' * 40 + 'b' + '}' * 40, 'too many levels')])
def test_what_is_no_such_file_is_said(text: str, words: str, file: Path) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        read(file, text)
    assert os.fspath(file) in str(caught.value)
    assert '\n' not in str(caught.value)


def test_what_cannot_be_read_is_said(file: Path) -> None:
    with pytest.raises(ConfigurationError, match='No such file'):
        read_parameter_file(file)
    with pytest.raises(ConfigurationError, match='Is a directory'):
        read_parameter_file(file.parent)
    with pytest.raises(ConfigurationError, match='null byte'):
        read_parameter_file(Path('a\0b'))
    file.write_bytes(b' ' * 2_000_000)
    with pytest.raises(ConfigurationError, match='more than 1048576 bytes'):
        read_parameter_file(file)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(NotPlain):
        load_plain(b'a: \xff\xfe')


def test_the_file_that_shows_all_parameters_is_read() -> None:
    found = read_parameter_file(ROOT / 'config' / 'flightlog_bucket.yaml')
    types = {row.name: type(row.default) for row in TABLE}
    assert found
    assert {name: type(value) for name, value in found.items()} == {
        name: types[name] for name in found}
