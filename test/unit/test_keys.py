"""Names become keys that stay in the machine's own folder."""
from datetime import datetime, timedelta, timezone
from itertools import islice
import os

from flightlog_bucket.errors import AccessDenied, InvalidRequest
from flightlog_bucket.settings import BucketSettings, check_machine
from flightlog_bucket.storage import keys
from hypothesis import assume, given
from hypothesis import strategies as st
import pytest

START = datetime(2025, 7, 27, 14, 30, 22, tzinfo=timezone.utc)
FOLDER = 'flight_logs/drone-1/'

MACHINES = st.from_regex(r'[A-Za-z0-9][A-Za-z0-9._:@-]{0,12}', fullmatch=True)
PREFIXES = st.lists(st.from_regex(r'[a-z0-9][a-z0-9._ ü-]{0,8}', fullmatch=True), max_size=3).map(
    '/'.join)
# What matters in a path is likely in it.
TEXTS = st.text(st.one_of(st.sampled_from('./\\_1~%\n\0 é漢\u202e\u061c\udcff'), st.characters()),
                max_size=40)


def folder_of(machine: str, upload_prefix: str = 'flight_logs/') -> str:
    return BucketSettings('http://localhost/token', 'logs', machine,
                          upload_prefix=upload_prefix).machine_prefix


def first_key(name: str, extension: str = '.ulg', start: datetime = START) -> str:
    return next(keys.versions(FOLDER, keys.stamped(start, name), extension))


@pytest.mark.parametrize('name', [
    'mission_log.ulg', 'Flug über Köln 测试 🚁.ulg', 'a b.ulg', '-rf.ulg', 'x%2F..%2Fy.ulg',
    'x..ulg', '~.ulg', 'e\u0301.ulg', '\u200bx.ulg', 'شعلة.ulg',
    "a'b\"c&<d>?e#f+g=h;i.ulg", 'ulg'])
def test_takes_the_name(name):
    assert keys.check_filename(name) == name
    assert keys.safe_filename(name) == name
    assert first_key(name, '').startswith('flight_logs/drone-1/20250727_143022_')
    assert first_key(name, '').endswith(name)


@pytest.mark.parametrize('name, says', [
    ('', 'names no file'), ('.', 'names no file'), ('..', 'names no file'),
    ('../drone-2/x.ulg', 'has a slash'), ('a/b.ulg', 'has a slash'), ('/x.ulg', 'has a slash'),
    ('a\\b.ulg', 'has a slash'), ('.ulg', 'begins with a dot'),
    ('.hidden.ulg', 'begins with a dot'), ('..x.ulg', 'begins with a dot'),
    ('a\nb.ulg', 'U+000A'), ('a\rb.ulg', 'U+000D'), ('a\0b.ulg', 'U+0000'),
    ('\x1b[2Jx.ulg', 'U+001B'), ('x\x7f.ulg', 'U+007F'), ('x\x85.ulg', 'U+0085'),
    ('x\u2028y.ulg', 'U+2028'), ('x\u2029.ulg', 'U+2029'), ('x\udcff.ulg', 'U+DCFF'),
    ('x\ud800.ulg', 'U+D800'), ('x\uffff.ulg', 'U+FFFF'), ('x\ufffe.ulg', 'U+FFFE'),
    ('\u202egpj.ulg', 'U+202E'), ('x\u2066.ulg', 'U+2066'), ('x\u200f.ulg', 'U+200F'),
    ('x\u061c.ulg', 'U+061C'), ('a\nb\tc.ulg', 'U+0009, U+000A')])
def test_refuses_the_name(name, says):
    with pytest.raises(InvalidRequest) as caught:
        keys.check_filename(name)
    assert caught.value.status == 400
    assert says in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_name_may_have_255_bytes():
    assert keys.check_filename('x' * 251 + '.ulg')
    assert keys.check_filename('ü' * 125 + 'x.ulg')
    for name in ('x' * 252 + '.ulg', 'ü' * 126 + '.ulg', 'x' * 296 + '.ulg', '/' * 10_000_000,
                 '\udcff' * 300):
        with pytest.raises(InvalidRequest, match='bytes; at most 255 are possible') as caught:
            keys.check_filename(name)
        assert len(str(caught.value)) < 600


@pytest.mark.parametrize('name, safe', [
    ('.hidden.ulg', '_hidden.ulg'), ('a\nb.ulg', 'a_b.ulg'), ('a\\b.ulg', 'a_b.ulg'),
    (os.fsdecode(b'caf\xe9.ulg'), 'caf_.ulg'), ('\u202egpj.ulg', '_gpj.ulg'), ('..', '_.'),
    ('a/b.ulg', 'a_b.ulg'), ('\x00.ulg', '_.ulg')])
def test_a_files_own_name_is_made_safe(name, safe):
    assert keys.safe_filename(name) == safe
    assert keys.check_filename(safe) == safe


@given(st.binary(min_size=1, max_size=255))
def test_every_name_that_a_disk_can_hold_can_be_a_key(raw):
    name = os.fsdecode(raw.replace(b'/', b'_').replace(b'\0', b'_'))
    safe = keys.safe_filename(name)
    assert keys.check_filename(safe) == safe
    assert keys.check_own_key(first_key(safe, ''), FOLDER)


def test_the_key_of_the_document():
    assert first_key('mission_log.ulg') == 'flight_logs/drone-1/20250727_143022_mission_log.ulg'


@pytest.mark.parametrize('start, stamp', [
    (START.astimezone(timezone(timedelta(hours=-7))), '20250727_143022'),
    (datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1))), '20251231_233000'),
    (datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc), '19691231_235959'),
    (datetime(7, 1, 2, tzinfo=timezone.utc), '00070102_000000')])
def test_the_timestamp_is_in_utc(start, stamp):
    assert first_key('x.ulg', start=start) == f'{FOLDER}{stamp}_x.ulg'


@pytest.mark.parametrize('name, extension, second, third', [
    ('x.ulg', '.ulg', 'x_2.ulg', 'x_3.ulg'), ('X.ULG', '.ulg', 'X_2.ULG', 'X_3.ULG'),
    ('a.b.mcap.zstd', '.mcap.zstd', 'a.b_2.mcap.zstd', 'a.b_3.mcap.zstd'),
    ('x.Db3.Zstd', '.db3.zstd', 'x_2.Db3.Zstd', 'x_3.Db3.Zstd'),
    ('x_2.bag', '.bag', 'x_2_2.bag', 'x_2_3.bag'), ('x', '', 'x_2', 'x_3')])
def test_the_version_stands_before_the_extension(name, extension, second, third):
    tried = list(keys.versions(FOLDER, keys.stamped(START, name), extension))
    assert [k.removeprefix(f'{FOLDER}20250727_143022_') for k in tried[:3]] == [
        name, second, third]
    assert len(set(tried)) == len(tried) == keys.MAX_VERSIONS


def test_a_key_has_1024_bytes_at_most():
    with pytest.raises(InvalidRequest, match=r'has 10[0-9]{2} bytes; S3 takes 1024'):
        next(keys.versions('p' * 800 + '/', 'ü' * 125 + '.ulg', '.ulg'))


def test_the_longest_name_fits_the_longest_folder():
    folder = folder_of('m' * 128, 'ü' * 191)
    assert len(folder.encode()) == 512
    assert len(list(keys.versions(folder, keys.stamped(START, 'x' * 251 + '.ulg'), '.ulg'))) == 20


@given(MACHINES, MACHINES, PREFIXES, TEXTS, st.datetimes(timezones=st.just(timezone.utc)),
       st.booleans())
def test_no_key_leaves_the_folder(machine, other, prefix, name, start, is_own_name):
    assume(machine != other)
    if is_own_name:
        name = keys.safe_filename(name)
    try:
        keys.check_filename(name)
    except InvalidRequest:
        return
    folder, others = folder_of(machine, prefix), folder_of(other, prefix)
    for key in islice(keys.versions(folder, keys.stamped(start, name), ''), 3):
        assert key.startswith(folder)
        assert os.path.normpath(f'/{key}') == f'/{key}'
        assert key.count('/') == folder.count('/')
        assert keys.check_own_key(key, folder) == key
        with pytest.raises(AccessDenied):
            keys.check_own_key(key, others)


@given(MACHINES, PREFIXES, TEXTS)
def test_what_is_accepted_as_an_own_key_lies_in_the_folder(machine, prefix, rest):
    folder = folder_of(machine, prefix)
    for key in (rest, folder + rest, folder[:-1] + rest, folder + '../' + rest):
        try:
            keys.check_own_key(key, folder)
        except (AccessDenied, InvalidRequest):
            continue
        assert os.path.normpath(f'/{key}') == f'/{key}'
        assert key.startswith(folder)
        assert key != folder


@pytest.mark.parametrize('key', [
    'flight_logs/drone-10/20250727_143022_x.ulg', 'flight_logs/drone-2/x.ulg',
    'flight_logs/drone-1', 'flight_logs/drone-1/', 'flight_logs/drone-1x.ulg', 'drone-1/x.ulg',
    'flight_logs/drone-1/../drone-10/x.ulg', 'flight_logs/drone-1/./x.ulg',
    'flight_logs/drone-1//x.ulg', 'flight_logs/drone-1/a/..', 'flight_logs//drone-1/x.ulg',
    '/flight_logs/drone-1/x.ulg', 'Flight_logs/drone-1/x.ulg', 'flight_logs/DRONE-1/x.ulg',
    'flight_logs/drone-1/a/', '.', '../x', 'x.ulg'])
def test_refuses_a_foreign_key(key):
    with pytest.raises(AccessDenied, match=r'^Access denied: ') as caught:
        keys.check_own_key(key, FOLDER)
    assert caught.value.status == 403
    assert repr(key) in str(caught.value)


@pytest.mark.parametrize('key', [
    FOLDER + 'x.ulg', FOLDER + 'a/b/x.ulg', FOLDER + 'ü 🚁.ulg', FOLDER + '..x',
    FOLDER + '%2e%2e'])
def test_takes_an_own_key(key):
    assert keys.check_own_key(key, FOLDER) == key


@pytest.mark.parametrize('key', [
    '', FOLDER + 'a\nb', FOLDER + '\0', FOLDER + '\udcff', FOLDER + chr(0xd800),
    FOLDER + 'x' * 1024, FOLDER + 'ü' * 503, FOLDER + '\u202ex', '\n' * 10_000_000])
def test_refuses_a_key_that_cannot_be_sent(key):
    with pytest.raises(InvalidRequest) as caught:
        keys.check_own_key(key, FOLDER)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize('prefix, whole', [
    ('', FOLDER), ('2025', FOLDER + '2025'), ('2025/', FOLDER + '2025/'), ('.x', FOLDER + '.x'),
    (FOLDER, FOLDER), (FOLDER + '2025', FOLDER + '2025'), ('ü', FOLDER + 'ü'),
    ('drone-10/', FOLDER + 'drone-10/'), ('x..', FOLDER + 'x..')])
def test_takes_a_prefix(prefix, whole):
    assert keys.own_prefix(prefix, FOLDER) == whole


@pytest.mark.parametrize('prefix', [
    '..', '.', '../', '../drone-10/', 'a/../..', './', '//', '/', '/2025', 'a//b', FOLDER + '..',
    FOLDER + '../drone-10/', FOLDER + '/x', 'flight_logs/drone-10/', 'flight_logs/drone-1',
    'flight_logs/', 'flight_logs/drone-10/2025'])
def test_refuses_a_prefix_that_leads_out(prefix):
    with pytest.raises(AccessDenied):
        keys.own_prefix(prefix, FOLDER)


@pytest.mark.parametrize('prefix', ['a\nb', '\0', '\udcff', 'x' * 1020, 'ü' * 600])
def test_refuses_a_prefix_that_cannot_be_sent(prefix):
    with pytest.raises(InvalidRequest):
        keys.own_prefix(prefix, FOLDER)


@given(MACHINES, PREFIXES, TEXTS)
def test_no_listing_leaves_the_folder(machine, upload_prefix, prefix):
    folder = folder_of(machine, upload_prefix)
    for asked in (prefix, folder + prefix, folder[:-1] + prefix):
        try:
            whole = keys.own_prefix(asked, folder)
        except (AccessDenied, InvalidRequest):
            continue
        assert whole.startswith(folder)
        assert os.path.normpath(f'/{whole}x').startswith(f'/{folder}')
        assert len(whole.encode()) <= 1024


def test_a_machine_speaks_for_itself_only():
    keys.check_machine_id('', 'drone-1')
    keys.check_machine_id('drone-1', 'drone-1')
    for other in ('drone-10', 'drone', 'DRONE-1', 'drone-1 ', 'drone-1/', '*', '../drone-1'):
        with pytest.raises(AccessDenied) as caught:
            keys.check_machine_id(other, 'drone-1')
        assert caught.value.status == 403


@given(MACHINES)
def test_a_machines_name_is_one_segment(machine):
    check_machine(machine)
    assert folder_of(machine, '') == f'{machine}/'
    assert folder_of(machine, '/a/') == f'a/{machine}/'
