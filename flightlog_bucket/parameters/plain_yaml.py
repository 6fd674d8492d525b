"""YAML as ROS 2 reads it in parameter files: "2025-07-27" and "12:30" are texts, "on" is true."""
import re
from typing import Any

import yaml

_MAX_DEPTH = 32
_TRUE, _FALSE = ('y', 'yes', 'on', 'true'), ('n', 'no', 'off', 'false')
_WORDS = {form: word in _TRUE for word in _TRUE + _FALSE
          for form in (word, word.capitalize(), word.upper())}


class NotPlain(Exception):
    """It is no YAML, or has more than mappings, lists and plain values."""


def load_plain(content: bytes) -> object:
    """
    Return what a document holds: mappings, lists, texts, numbers, true and false.

    https://github.com/ros2/rcl/blob/rolling/rcl_yaml_param_parser/src/parse.c

    :raises NotPlain: telling what is wrong with it
    """
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(content)):
            raise NotPlain('it has an alias, "*...", which ROS does not take either')
        return _value(yaml.compose(content, yaml.SafeLoader), 0)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f' in line {mark.line + 1}' if mark else ''
        raise NotPlain(f'{error.problem or error.context}{where}') from None
    except (yaml.YAMLError, ValueError, RecursionError):  # ValueError: bytes that are no text
        raise NotPlain('it is no YAML text') from None


def _value(node: Any, depth: int) -> object:
    if depth > _MAX_DEPTH:
        raise NotPlain('it has too many levels')
    if isinstance(node, yaml.MappingNode):
        return {str(getattr(key, 'value', '')): _value(value, depth + 1)
                for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, depth + 1) for item in node.value]
    return '' if node is None else _scalar(str(node.value), is_plain=node.style is None)


def _scalar(text: str, *, is_plain: bool) -> object:
    if not is_plain:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if re.fullmatch(r'[+-]?(0[xX][0-9a-fA-F]+|[0-9]+)', text):
        return _integer(text)
    if re.fullmatch(r'[+-]?\.(inf|Inf|INF|nan|NaN|NAN)', text):
        return float(text.replace('.', ''))
    if re.fullmatch(r'[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?', text):
        return float(text)
    return text


def _integer(text: str) -> object:
    """Return what C takes it for: 010 is eight, 09 no integer."""
    digits = text.lstrip('+-')
    is_octal = digits.isdigit() and digits.startswith('0')
    try:
        return int(text, 8 if is_octal else 0)
    except ValueError:
        return float(text)
