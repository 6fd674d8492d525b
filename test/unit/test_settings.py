"""Settings: the document's defaults, and one clear line for each mistake."""
from dataclasses import FrozenInstanceError, replace
import math
import os
from typing import Any

from flightlog_bucket.errors import ConfigurationError
from flightlog_bucket.settings import (
    BucketSettings,
    check_machine,
    MAX_SECRET_BYTES,
    read_secret_file,
    redacted_url,
)
import pytest

GIB = 1024**3
SETTINGS = BucketSettings(session_token_url='http://localhost:3000/session-token',
                          bucket_name='flight-logs-bucket', robot_instance_id='drone-001')


def refusal(**changes: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        replace(SETTINGS, **changes)
    said = str(caught.value)
    assert caught.value.status == 400
    assert said.isprintable()
    return said


def test_defaults_are_those_of_the_document():
    assert SETTINGS.region == 'us-east-1'
    assert SETTINGS.upload_prefix == 'flight_logs/'
    assert SETTINGS.request_timeout_s == 30
    assert SETTINGS.max_file_size_bytes == 2 * GIB
    assert SETTINGS.endpoint_url == ''
    assert SETTINGS.server_side_encryption == ''
    assert {'.ulg', '.bag', '.mcap', '.db3'} <= set(SETTINGS.allowed_extensions)


def test_settings_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        SETTINGS.region = 'eu-central-1'  # type: ignore[misc]


def test_a_secret_in_a_url_is_not_shown():
    settings = replace(SETTINGS, session_token_url='https://user:hunter2@host/?token=hunter2')
    assert 'hunter2' not in repr(settings) + str(settings)


@pytest.mark.parametrize('url', [
    'https://user:hunter2@host', 'https://hunter2@host:9000', 'https://host/?token=hunter2',
    'https://host/#hunter2', 'https://host?', 'http://user:hunter2@host_x:9000'])
def test_an_endpoint_is_no_place_for_secrets(url):
    said = refusal(endpoint_url=url)
    assert 'endpoint_url has a user name, password, query or fragment' in said
    assert 'hunter2' not in said
    assert 'user:' not in said


@pytest.mark.parametrize('changes', [
    {'session_token_url': 'https://[::1]:8443/token?a=b'},
    {'session_token_url': 'http://münchen.example/token'},
    {'endpoint_url': 'http://127.0.0.1:9000'},
    {'bucket_name': 'a.b-c'}, {'bucket_name': 'Old_Bucket'}, {'bucket_name': 'x' * 63},
    {'region': 'garage'}, {'region': 'cn-northwest-1'},
    {'robot_instance_id': 'a'}, {'robot_instance_id': 'A-1_b.c:d@e'},
    {'upload_prefix': ''}, {'upload_prefix': '/'}, {'upload_prefix': 'a/b c/ü'},
    {'upload_prefix': '/a/'}, {'upload_prefix': 'x' * 500},
    {'allowed_extensions': ('.ulg', '.bag')},
    {'addressing_style': 'path'}, {'addressing_style': 'virtual'},
    {'server_side_encryption': 'AES256'}, {'server_side_encryption': 'aws:kms'},
    {'server_side_encryption': 'aws:kms', 'sse_kms_key_id': 'alias/logs'},
    {'max_file_size_bytes': 2}, {'max_file_size_bytes': 5 * 1024 * GIB + 1},
    {'request_timeout_s': 1}, {'request_timeout_s': 3600.0},
    {'max_concurrent_parts': 1}, {'max_concurrent_parts': 32},
    {'part_size_bytes': 5 * GIB}, {'multipart_threshold_bytes': 5 * 1024**2},
])
def test_accepts(changes):
    settings = replace(SETTINGS, **changes)
    assert {name: getattr(settings, name) for name in changes} == changes


@pytest.mark.parametrize(('prefix', 'folder'), [
    ('flight_logs/', 'flight_logs/drone-001/'), ('flight_logs', 'flight_logs/drone-001/'),
    ('/a/b/', 'a/b/drone-001/'), ('', 'drone-001/'), ('/', 'drone-001/')])
def test_the_folder_of_the_machine(prefix, folder):
    assert replace(SETTINGS, upload_prefix=prefix).machine_prefix == folder


@pytest.mark.parametrize('name', ['session_token_url', 'endpoint_url'])
@pytest.mark.parametrize(('url', 'shown'), [
    ('localhost:3000/token', "'localhost:3000/token'"),
    ('ftp://host/token?key=hunter2#hunter2', "'ftp://host/token'"),
    ('http://', "'http://'"),
    ('http:///token', "'http:///token'"),
    ('http://host:0/', "'http://host:0/'"),
    ('http://host:65536/', "'http://host:65536/'"),
    ('http://host:http/', "'http://host:http/'"),
    ('http://[::1', ''),
    ('http://host/a b', "'http://host/a b'"),
    ('http://host/a\nb', "'http://host/ab'"),
    ('http://host/\x1b', "'http://host/\\x1b'"),
    ('ftp://user:hunter2@host', ''),
    ('http//user:hunter2@host', ''),
])
def test_refuses_what_is_no_url_and_shows_no_secret(name, url, shown):
    said = refusal(**{name: url})
    assert said == (f'{name} is not a URL that begins with http:// or https://'
                    + (f': {shown}' if shown else ''))


def test_refuses_an_empty_session_token_url():
    assert refusal(session_token_url='') == (
        'session_token_url is not a URL that begins with http:// or https://')


@pytest.mark.parametrize('bucket', ['', 'ab', 'x' * 64, 'a/b', '-ab', 'ab-', 'a b', 'a\nb',
                                    'abc\n'])
def test_refuses_a_bucket_name(bucket):
    assert refusal(bucket_name=bucket) == (f'bucket_name is {bucket!r}; give 3 to 63 letters,'
                                           ' digits, dots, hyphens and underscores')


@pytest.mark.parametrize('region', ['', 'US-EAST-1', 'us east', 'us-east-1\n', 'x' * 64, '-a',
                                    'a/b', 'evil.example'])
def test_refuses_a_region(region):
    assert refusal(region=region) == (
        f'region is {region!r}; give the name of an AWS region, e.g. us-east-1')


@pytest.mark.parametrize('machine', ['.', '..', 'a/b', 'a b', 'a\n', '-a', '_a', 'ä', 'a*', 'a\0',
                                     'x' * 129, '../drone-2', 'a\\b', '\udcff'])
def test_refuses_a_machine(machine):
    said = (f'robot_instance_id is {machine!r}; give up to 128 letters, digits and "._:@-",'
            ' the first a letter or digit')
    assert refusal(robot_instance_id=machine) == said
    with pytest.raises(ConfigurationError) as caught:
        check_machine(machine)
    assert str(caught.value) == said


def test_refuses_no_machine_and_says_how_to_name_one():
    assert refusal(robot_instance_id='') == (
        'robot_instance_id is empty; set it to the name of this machine, or set the environment'
        ' variable ROBOT_INSTANCE_ID')


@pytest.mark.parametrize('prefix', ['..', 'a/../b', 'a/./b', 'a//b', 'a\\b', 'a\nb', 'a\x7f/b',
                                    'a/\udcff', 'a\u2028b', 'a\u202eb'])
def test_refuses_a_prefix(prefix):
    assert refusal(upload_prefix=prefix) == (
        f'upload_prefix is {prefix!r}; give folder names with "/" between them, none of them'
        ' empty, "." or "..", and no control characters')


def test_refuses_a_prefix_that_leaves_no_room_for_names():
    assert refusal(upload_prefix='ä' * 252) == (
        "upload_prefix is too long: the machine's folder takes more than 512 of the 1024 bytes of"
        ' an S3 key')


@pytest.mark.parametrize('extensions', [(), ('.txt',), ('.ulg', 'bag'), ('.ULG',), ('',)])
def test_refuses_extensions(extensions):
    assert refusal(allowed_extensions=extensions) == (
        f'allowed_extensions is {list(extensions)}; give one or more of .ulg, .ulge, .bag, .mcap,'
        ' .db3, .mcap.zstd, .db3.zstd')


def test_refuses_another_word_than_those_to_choose_from():
    assert refusal(validation_level='deep') == (
        "validation_level is 'deep'; give one of 'header', 'structure', 'full'")
    assert refusal(addressing_style='paths') == (
        "addressing_style is 'paths'; give one of 'auto', 'path', 'virtual'")
    assert refusal(server_side_encryption='aes256') == (
        "server_side_encryption is 'aes256'; give one of '', 'AES256', 'aws:kms'")


@pytest.mark.parametrize('encryption', ['', 'AES256'])
def test_refuses_a_key_that_would_not_be_used(encryption):
    assert refusal(sse_kms_key_id='k', server_side_encryption=encryption) == (
        'sse_kms_key_id is given, but server_side_encryption is not aws:kms')


@pytest.mark.parametrize(('name', 'values', 'takes'), [
    ('max_file_size_bytes', (-1, 0, 1, 5 * 1024 * GIB + 2), f'2 to {5 * 1024 * GIB + 1}'),
    ('request_timeout_s', (-1, 0, 0.5, 3601, math.inf, math.nan), '1 to 3600'),
    ('credential_lifetime_s', (0, 604801, math.nan), '1 to 604800'),
    ('multipart_threshold_bytes', (0, 5 * 1024**2 - 1, 5 * GIB + 1), f'5242880 to {5 * GIB}'),
    ('part_size_bytes', (0, 5 * 1024**2 - 1, 5 * GIB + 1), f'5242880 to {5 * GIB}'),
    ('max_concurrent_parts', (0, 33, -1), '1 to 32'),
])
def test_refuses_a_number_out_of_range(name, values, takes):
    for value in values:
        assert refusal(**{name: value}) == f'{name} is {value}; give {takes}'


@pytest.mark.parametrize(('url', 'shown'), [
    ('https://user:hunter2@host:8443/path?token=hunter2#hunter2', 'https://host:8443/path'),
    ('https://hunter2@host', 'https://host'),
    ('https://a@b@host/x', 'https://host/x'),
    ('https://[::1]:80/x', 'https://[::1]:80/x'),
    ('http://[::1', ''),
    ('', ''),
])
def test_a_redacted_url_has_no_secret(url, shown):
    assert redacted_url(url) == shown


class TestSecretFile:

    @pytest.mark.parametrize(('content', 'secret'), [
        (b'hunter2', 'hunter2'), (b' hunter2\r\n', 'hunter2'),
        (b'\n\na.b-c_d~e+f/g=\n', 'a.b-c_d~e+f/g='),
        (b'x' * MAX_SECRET_BYTES, 'x' * MAX_SECRET_BYTES)])
    def test_is_read_without_white_space_around_it(self, tmp_path, content, secret):
        (tmp_path / 'token').write_bytes(content)
        assert read_secret_file(tmp_path / 'token') == secret

    @pytest.mark.parametrize(('content', 'said'), [
        (b'', 'must hold one secret on one line, and nothing else'),
        (b' \n', 'must hold one secret on one line, and nothing else'),
        (b'hunter2\nhunter2', 'must hold one secret on one line, and nothing else'),
        (b'hunter2 hunter2', 'must hold one secret on one line, and nothing else'),
        (b'hunter2\x00', 'must hold one secret on one line, and nothing else'),
        (b'x' * (MAX_SECRET_BYTES + 1),
         'has more than 16384 bytes; it must hold one secret on one line, and nothing else'),
    ])
    def test_must_hold_one_secret(self, tmp_path, content, said):
        path = tmp_path / 'token'
        path.write_bytes(content)
        assert self.refusal(path) == f"'{path}' {said}"

    def test_must_be_ascii(self, tmp_path):
        path = tmp_path / 'token'
        path.write_bytes(b'hunter2\xff')
        assert self.refusal(path) == f"the secret in '{path}' is not plain ASCII text"

    def test_must_be_there_and_a_file(self, tmp_path):
        path = tmp_path / 'token'
        assert self.refusal(path) == (
            f"cannot read the secret in '{path}': No such file or directory")
        assert self.refusal(tmp_path) == (
            f"cannot read the secret in '{tmp_path}': Is a directory")

    def test_a_pipe_is_not_waited_for(self, tmp_path):
        path = tmp_path / 'token'
        os.mkfifo(path)
        assert self.refusal(path) == f"'{path}' must hold one secret on one line, and nothing else"
        writer = os.open(path, os.O_RDWR)
        assert self.refusal(path) == (
            f"cannot read the secret in '{path}': Resource temporarily unavailable")
        os.close(writer)

    @pytest.mark.skipif(os.geteuid() == 0, reason='root may read everything')
    def test_must_be_readable(self, tmp_path):
        path = tmp_path / 'token'
        path.write_bytes(b'hunter2')
        path.chmod(0)
        assert self.refusal(path) == f"cannot read the secret in '{path}': Permission denied"

    def refusal(self, path) -> str:
        with pytest.raises(ConfigurationError) as caught:
            read_secret_file(path)
        # Neither the message nor the traceback that a log may show has the secret.
        assert 'hunter2' not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
        return str(caught.value)
