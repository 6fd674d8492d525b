"""
Writing ULog, as far as a demonstration needs it.

https://docs.px4.io/main/en/dev_log/ulog_file_format.html
"""
import struct
from typing import BinaryIO

MAGIC = b'ULog\x01\x12\x35'
_VERSION = 1
LEVEL_INFO = ord('6')


def file_header(start_us: int) -> bytes:
    """Return the first 16 bytes; ``start_us`` counts from the boot of the autopilot."""
    return MAGIC + struct.pack('<BQ', _VERSION, start_us)


def message(kind: bytes, content: bytes) -> bytes:
    """Return one message: its size, its kind (one letter) and its content."""
    return struct.pack('<Hc', len(content), kind) + content


def flag_bits() -> bytes:
    """Return the message that must come first: nothing special in this log."""
    return message(b'B', bytes(8 + 8 + 3 * 8))


def information(key: str, value: bytes) -> bytes:
    """Return a fact about the log; ``key`` holds its type, e.g. ``char[3] sys_name``."""
    return message(b'I', bytes([len(key)]) + key.encode() + value)


def text_information(name: str, text: str) -> bytes:
    """Return a fact that is a text."""
    return information(f'char[{len(text.encode())}] {name}', text.encode())


def topic_format(name: str, fields: str) -> bytes:
    """Return the definition of a topic; ``fields`` e.g. ``uint64_t timestamp;float[4] q;``."""
    return message(b'F', f'{name}:{fields}'.encode())


def subscription(message_id: int, name: str) -> bytes:
    """Return the message that gives a topic the number that its data bear."""
    return message(b'A', struct.pack('<BH', 0, message_id) + name.encode())


def data(message_id: int, content: bytes) -> bytes:
    """Return one sample of a topic."""
    return message(b'D', struct.pack('<H', message_id) + content)


def logged_text(time_us: int, text: str) -> bytes:
    """Return a line that the autopilot said."""
    return message(b'L', struct.pack('<BQ', LEVEL_INFO, time_us) + text.encode())


def write_definitions(stream: BinaryIO, start_us: int, topics: dict[str, str]) -> None:
    """Write all that comes before the data; the topics get the numbers 0, 1, ..."""
    stream.write(file_header(start_us) + flag_bits())
    stream.write(text_information('sys_name', 'PX4') + text_information('ver_hw', 'PX4_SITL'))
    for name, fields in topics.items():
        stream.write(topic_format(name, fields))
    for message_id, name in enumerate(topics):
        stream.write(subscription(message_id, name))
