"""The lines that a person types: a shell and YAML read back what was meant."""
import shlex

from flightlog_bucket.sandbox import typed
import pytest
import yaml

TEXTS = ['/logs/flight.ulg', 'drone-001', 'http://127.0.0.1:1234/x', '007', '1e3', 'no', 'null',
         '', ' ', 'a b', "it's", 'say "hi"', '$HOME', '`id`', 'a, b', '{a}', '[a]', 'a: b', 'a #b',
         'back\\slash', 'Überflug.ulg', '!tag', '*star', 'end:', '-p', 'new\nline']


@pytest.mark.parametrize('text', TEXTS)
def test_a_message_is_read_back(text: str) -> None:
    line = typed.service_call('/flightlog_bucket/upload', 'Upload', {'file_path': text})
    words = shlex.split(line)
    assert words[:5] == ['ros2', 'service', 'call', '/flightlog_bucket/upload',
                         'flightlog_bucket/srv/Upload']
    assert [yaml.safe_load(word) for word in words[5:]] == [{'file_path': text}]


@pytest.mark.parametrize('text', TEXTS)
def test_a_parameter_is_read_back(text: str) -> None:
    flag, setting = shlex.split(typed.parameter('bucket_name', text))
    name, _, value = setting.partition(':=')
    assert (flag, name, yaml.safe_load(value)) == ('-p', 'bucket_name', text)


def test_a_plain_path_is_shown_plainly() -> None:
    assert typed.bag_closed('/logs/flight.mcap') == (
        'ros2 topic pub --once --keep-alive 2 /flightlog_bucket/bag_closed std_msgs/msg/String '
        '"{data: /logs/flight.mcap}"')
