"""Which logs are accepted, and what is said about the others."""
import io
from pathlib import Path

from flightlog_bucket.errors import (
    FormatMismatch,
    InvalidExtension,
    LocalFileChanged,
    LocalFileUnreadable,
    ValidationFailed,
)
from flightlog_bucket.logs import inspect, LogFacts
from flightlog_bucket.logs.formats import EXTENSIONS
from flightlog_bucket.logs.verdict import CORRUPT, HEADER, Verdict
from flightlog_bucket.settings import DEFAULT_EXTENSIONS
import made_logs
import pytest

ULOG = made_logs.ULOG
BAG = b'#ROSBAG V2.0\n'
MCAP = made_logs.MCAP_MAGIC
DB3 = b'SQLite format 3\0'
ZSTD = made_logs.ZSTD_MAGIC
SKIPPABLE = b'\x5a\x2a\x4d\x18\x00\x00\x00\x00'
ALL = '.ulg, .ulge, .bag, .mcap, .db3, .mcap.zstd or .db3.zstd'


def inspected(name: str, content: bytes, path: str = '', **keywords) -> LogFacts:
    return inspect(name, Path(path or f'/logs/{name}'), io.BytesIO(content), **keywords)


def refusal(error: type, name: str, content: bytes, path: str = '', **keywords) -> str:
    with pytest.raises(error) as caught:
        inspected(name, content, path, **keywords)
    assert caught.value.status == 400
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize(('name', 'content', 'log_format', 'extension', 'content_type'), [
    ('x.ulg', ULOG, 'ulog', '.ulg', 'application/x-ulog'),
    ('x.ulg', b'ULog\x01\x12\x35\x00', 'ulog', '.ulg', 'application/x-ulog'),
    ('x.ulg', b'ULogData', 'ulog', '.ulg', 'application/x-ulog'),
    ('X.ULG', ULOG, 'ulog', '.ulg', 'application/x-ulog'),
    ('x.bag', BAG, 'rosbag1', '.bag', 'application/x-rosbag'),
    ('x.bag', b'#ROSBAG V1.2\n', 'rosbag1', '.bag', 'application/x-rosbag'),
    ('x.bag', b'#ROSBAG', 'rosbag1', '.bag', 'application/x-rosbag'),
    ('x.y.Mcap', MCAP, 'mcap', '.mcap', 'application/x-mcap'),
    ('x.db3', DB3, 'sqlite3', '.db3', 'application/vnd.sqlite3'),
    ('x.mcap.zstd', ZSTD, 'mcap.zstd', '.mcap.zstd', 'application/zstd'),
    ('x.DB3.Zstd', ZSTD, 'sqlite3.zstd', '.db3.zstd', 'application/zstd'),
    ('x.db3.zstd', SKIPPABLE, 'sqlite3.zstd', '.db3.zstd', 'application/zstd'),
    ('x.ulge', b'ULogEnc\x01', 'ulog.encrypted', '.ulge', 'application/octet-stream'),
    ('x.ulge', b'ULogKey\x01', 'ulog.encrypted', '.ulge', 'application/octet-stream'),
    ('Flüg 1.ulg', ULOG, 'ulog', '.ulg', 'application/x-ulog'),
])
def test_accepts(name, content, log_format, extension, content_type):
    facts = inspected(name, content, level=HEADER)
    assert (facts.format, facts.extension, facts.content_type) == (
        log_format, extension, content_type)
    assert facts.verdict.is_usable
    assert facts.start is None


@pytest.mark.parametrize('name', [
    'x', 'x.txt', 'x.ulg.txt', 'x.bag.active', 'x.ulg ', 'x.ulg\n', '.ulg', 'ulg', '', 'x.zstd',
    'x.ulg.zstd', 'x.bag.zstd', 'x.ulg.', 'x\x1b[2J.sh', 'x.ul\u0261', '\udcff'])
def test_refuses_the_name(name):
    said = refusal(InvalidExtension, name, ULOG)
    assert said == f'Invalid file extension: {name!r} does not end in {ALL}'


def test_refuses_a_format_that_is_not_allowed():
    assert refusal(InvalidExtension, 'x.mcap', MCAP, allowed=('.ulg', '.bag')) == (
        "Invalid file extension: 'x.mcap' does not end in .ulg or .bag")
    assert refusal(InvalidExtension, 'x.bag', BAG, allowed=['.ulg']) == (
        "Invalid file extension: 'x.bag' does not end in .ulg")


@pytest.mark.parametrize(('name', 'content', 'said'), [
    ('x.bag', ULOG, 'the name says ROS 1 bag, the content is a ULog; rename it, or give a'
                    ' custom_filename that ends in .ulg'),
    ('x.ulg', BAG, 'the name says ULog, the content is a ROS 1 bag; rename it, or give a'
                   ' custom_filename that ends in .bag'),
    ('x.db3', MCAP, 'the name says SQLite, the content is an MCAP file; rename it, or give a'
                    ' custom_filename that ends in .mcap'),
    ('x.mcap', DB3, 'the name says MCAP, the content is an SQLite database; rename it, or give a'
                    ' custom_filename that ends in .db3'),
    ('x.mcap', ZSTD, 'the name says MCAP, the content is Zstandard-compressed; rename it, or give'
                     ' a custom_filename that ends in .mcap.zstd'),
    ('x.db3', SKIPPABLE, 'the name says SQLite, the content is Zstandard-compressed; rename it,'
                         ' or give a custom_filename that ends in .db3.zstd'),
    ('x.ulg', ZSTD, 'the name says ULog, the content is Zstandard-compressed; rename it, or give'
                    ' a custom_filename that ends in .mcap.zstd or .db3.zstd'),
    ('x.db3.zstd', DB3, 'the name says compressed SQLite, the content is an SQLite database;'
                        ' rename it, or give a custom_filename that ends in .db3'),
    ('x.ulg', b'ULogEnc\x01', 'the name says ULog, the content is an encrypted ULog; rename it, or'
                              ' give a custom_filename that ends in .ulge'),
    ('x.ulg', b'ULog\x01\x12\x35', 'the content is not a ULog, it begins with'
                                   ' 55 4c 6f 67 01 12 35'),
    ('x.ulg', b'hello world', 'the content is not a ULog, it begins with 68 65 6c 6c 6f 20 77 6f'),
    ('x.bag', b'#ROSBA', 'the content is not a ROS 1 bag, it begins with 23 52 4f 53 42 41'),
    ('x.mcap', b'\x89MCAP1\r\n', 'the content is not an MCAP file, it begins with'
                                 ' 89 4d 43 41 50 31 0d 0a'),
    ('x.mcap.zstd', b'\x50\x2a\x4d', 'the content is not Zstandard-compressed, it begins with'
                                     ' 50 2a 4d'),
])
def test_refuses_the_content(name, content, said):
    assert refusal(FormatMismatch, name, content) == (
        f"File validation failed: '/logs/{name}': {said}")


@pytest.mark.parametrize(('name', 'content', 'said'), [
    ('x.bag', bytes(100), 'the content is not a ROS 1 bag, it begins with zero bytes only'),
    ('x.bag', b'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n',
     'it is a Git LFS pointer, not the log itself; run "git lfs pull" first'),
])
def test_calls_corrupt_what_was_a_log(name, content, said):
    facts = inspected(name, content)
    assert facts.verdict == Verdict(CORRUPT, said)
    assert facts.start is None


def test_refuses_an_empty_log():
    assert refusal(ValidationFailed, 'x.ulg', b'') == (
        "File validation failed: '/logs/x.ulg' is empty")


def test_shows_a_custom_name_that_is_wrong():
    assert refusal(ValidationFailed, 'mission.ulg', BAG, '/logs/x.bag') == (
        "File validation failed: '/logs/x.bag': the name 'mission.ulg' says ULog, the content is"
        ' a ROS 1 bag; rename it, or give a custom_filename that ends in .bag')


def test_advises_no_name_that_is_not_allowed():
    assert refusal(ValidationFailed, 'x.ulg', MCAP, allowed=('.ulg', '.bag')).endswith(
        'the content is an MCAP file; .mcap is not among the allowed extensions, .ulg, .bag')


def test_escapes_control_characters_of_the_path():
    said = refusal(ValidationFailed, 'x.ulg', b'', '/logs/\x1b[31m\n\u202e\udcff/x.ulg')
    assert said == "File validation failed: '/logs/\\x1b[31m\\n\\u202e\\udcff/x.ulg' is empty"


def test_says_that_the_disk_fails():
    class Failing(io.BytesIO):

        def read(self, size=-1):
            raise OSError(5, 'Input/output error')

    with pytest.raises(LocalFileUnreadable) as caught:
        inspect('x.ulg', Path('/logs/x.ulg'), Failing(ULOG))
    assert str(caught.value) == "cannot read '/logs/x.ulg': Input/output error"


def test_the_settings_know_the_same_extensions():
    assert EXTENSIONS == DEFAULT_EXTENSIONS


def test_a_database_whose_messages_are_not_merged_yet(tmp_path):
    path = made_logs.write_db3(tmp_path / 'x.db3')
    (tmp_path / 'link.db3').symlink_to(path)
    wal = tmp_path / 'x.db3-wal'
    wal.touch()
    with open(path, 'rb') as stream:
        inspect('x.db3', path, stream)
        wal.write_bytes(bytes(32))
        for way in (path, tmp_path / 'link.db3'):
            with pytest.raises(LocalFileChanged) as caught:
                inspect('x.db3', way, stream)
            assert str(caught.value) == (
                f"'{way}' has 32 bytes in '{wal}' that are not merged into it yet; close the"
                " recorder, or merge them with `sqlite3 FILE 'PRAGMA wal_checkpoint(TRUNCATE)'`")
    assert caught.value.retryable
    assert wal.read_bytes() == bytes(32)
