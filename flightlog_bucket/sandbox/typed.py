"""The command lines that a person types, so written that a shell and ROS 2 take them right."""
from collections.abc import Mapping
import json
import re
import shlex

_PLAIN = re.compile(r'[A-Za-z/](?:[A-Za-z0-9_./:-]*[A-Za-z0-9_/])?')
_YAML_WORDS = ('true', 'false', 'yes', 'no', 'on', 'off', 'null', 'y', 'n')


def service_call(service: str, kind: str, request: Mapping[str, str]) -> str:
    """
    Return the call of a service of this package.

    :param service: its full name, e.g. ``/flightlog_bucket/upload``
    :param kind: its type, e.g. ``Upload``
    """
    return f'ros2 service call {service} flightlog_bucket/srv/{kind}{_message(request)}'


def bag_closed(path: str) -> str:
    """Return the command that tells the node of a finished recording."""
    return ('ros2 topic pub --once --keep-alive 2 /flightlog_bucket/bag_closed std_msgs/msg/String'
            + _message({'data': path}))


def parameter(name: str, value: str) -> str:
    """Return the argument of ``--ros-args`` that sets a parameter to a text."""
    return f'-p {shlex.quote(f"{name}:={yaml_text(value)}")}'


def yaml_text(value: str) -> str:
    """Return the text as YAML that cannot be taken for a number or a truth value."""
    is_plain = _PLAIN.fullmatch(value) and value.lower() not in _YAML_WORDS
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def _message(fields: Mapping[str, str]) -> str:
    if not fields:
        return ''
    text = '{' + ', '.join(f'{name}: {yaml_text(value)}' for name, value in fields.items()) + '}'
    needs_care = any(character in text for character in '"$`\\!')
    return ' ' + (shlex.quote(text) if needs_care else f'"{text}"')
