"""ULogs made to cost time or memory: whatever they hold, they get an answer for little."""
from collections.abc import Callable
import io
from pathlib import Path
import random
import struct
import tracemalloc

from flightlog_bucket.demo import ulog as parts
from flightlog_bucket.logs.reader import LogReader
from flightlog_bucket.logs.ulog import Ulog
import made_ulog
import pytest
from support.cpu import least_cpu

MIB = 1024 * 1024
CPU_S = 1.5
MEMORY_BYTES = 48 * MIB
BASE = made_ulog.head() + made_ulog.topics()
ONE_TOPIC = parts.topic_format('t', 'uint64_t timestamp;')


def filled(beginning: bytes, unit: bytes, mib: int = 15) -> bytes:
    return beginning + unit * (mib * MIB // len(unit))


def behind_a_head(tail: bytes) -> bytes:
    """Return a log that is too large to be walked through, and ends like this."""
    return BASE + made_ulog.attitudes(1000) * 200 + tail


def in_sections(tail: bytes, filling: bytes = parts.message(b'z', bytes(9990))) -> bytes:
    """Return a log with data appended three times; what is before each ends like this."""
    section = bytearray(17 * MIB)
    count = 4 * MIB // len(filling) + 1
    section[:count * len(filling)] = filling * count
    section[-len(tail):] = tail
    sections = [bytearray(section) for _ in range(4)]
    offsets = [len(section) * number for number in (1, 2, 3)]
    head = made_ulog.head(flags=made_ulog.flag_bits(b'\x01' + bytes(7), offsets))
    beginning = head + made_ulog.topics()
    sections[0][:len(beginning) + count * len(filling)] = beginning + filling * count
    return b''.join(sections)


def letters(count: int) -> bytes:
    """Return letters of messages, and small sizes, in no order."""
    return bytes(random.Random(2).choices(b'FIMPQARLCSO\x09\x00\x01', k=count))


def announced(count: int) -> bytes:
    return b''.join(parts.message(b'A', struct.pack('<BH', n % 256, n) + b't')
                    for n in range(count))


VALID: dict[str, Callable[[], bytes]] = {
    'text of nothing': lambda: filled(BASE, parts.logged_text(1, '')),
    'dropouts': lambda: filled(BASE, made_ulog.dropout(1)),
    'data of one byte': lambda: filled(
        parts.file_header(1) + parts.topic_format('t', 'bool a;') + parts.subscription(0, 't'),
        parts.data(0, b'a')),
    'receiver without a fix': lambda: filled(BASE, made_ulog.gps(1, 0, 0)),
    'one topic announced again and again': lambda: filled(
        parts.file_header(1) + ONE_TOPIC, parts.subscription(0, 't') + parts.data(0, bytes(8))),
    'large format announced again and again': lambda: (
        parts.file_header(1) + parts.topic_format('t', 'uint8_t a;' * 6000)
        + parts.subscription(0, 't') * 50_000),
    'more topics than anybody has': lambda: parts.file_header(1) + ONE_TOPIC + announced(65_536),
    'more formats than anybody has': lambda: parts.file_header(1) + b''.join(
        parts.topic_format(f'f{n}', 'a b;' * 15_000) for n in range(200)),
}
CORRUPT: dict[str, Callable[[], bytes]] = {
    'messages of nothing': lambda: filled(BASE, bytes(3)),
    'letters D': lambda: behind_a_head(b'D' * 12 * MIB),
    'letters L': lambda: behind_a_head(b'L\0' * 6 * MIB),
    'letters A': lambda: behind_a_head(b'\4\0A\0' * 3 * MIB),
    'messages inside of messages': lambda: behind_a_head(b'\x02\x00O' * 4 * MIB),
    'noise': lambda: behind_a_head(random.Random(1).randbytes(12 * MIB)),
    'zero bytes': lambda: behind_a_head(bytes(12 * MIB)),
    'letters F at the ends of four sections': lambda: in_sections(b'F' * 300_000),
    'unsubscriptions at the ends of four sections': lambda: in_sections(
        b'\x02\0R' * 100_000),
    'letters F at the ends of four sections of text': lambda: in_sections(
        b'F' * 300_000, parts.logged_text(1, '')),
    'one topic announced again and again before letters': lambda: (
        filled(parts.file_header(1) + ONE_TOPIC, parts.subscription(0, 't')
               + parts.data(0, bytes(8))) + letters(300_000)),
    'letters at the ends of four sections': lambda: in_sections(letters(300_000)),
    'formats inside of formats': lambda: parts.file_header(1) + b''.join(
        parts.topic_format(f'f{n}', f'f{n + 1} a;') for n in range(5000))
        + parts.subscription(0, 'f0'),
    'two formats of one name': lambda: parts.file_header(1) + ONE_TOPIC + parts.topic_format(
        't', 'float timestamp;'),
}


def answer(content: bytes) -> str:
    log = Ulog(LogReader(Path('x.ulg'), io.BytesIO(content)))
    outcome = log.check('structure').outcome
    log.describe()
    return outcome


@pytest.mark.parametrize(('name', 'outcome'), [
    *((name, 'valid') for name in VALID), *((name, 'corrupt') for name in CORRUPT)])
def test_gets_an_answer_in_time(name, outcome):
    content = {**VALID, **CORRUPT}[name]()
    found, cpu_s = least_cpu(lambda: answer(content), CPU_S)
    assert found == outcome
    assert cpu_s < CPU_S


@pytest.mark.parametrize('name', ['messages inside of messages',
                                  'more topics than anybody has'])
def test_takes_little_memory(name):
    content = {**VALID, **CORRUPT}[name]()
    tracemalloc.start()
    try:
        answer(content)
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES
    finally:
        tracemalloc.stop()


def test_changed_at_random_gets_an_answer():
    chance = random.Random(20250727)
    whole = made_ulog.log(20)
    outcomes = set()
    for _ in range(1500):
        content = bytearray(whole)
        place = chance.randrange(8, len(content))
        if chance.random() < 0.5:
            content[place] ^= 1 << chance.randrange(8)
        else:
            content[place:place + chance.randrange(20)] = chance.randbytes(chance.randrange(20))
        outcomes.add(answer(bytes(content)))
    assert outcomes == {'valid', 'truncated', 'corrupt'}
