"""
Small YAML documents, read within bounds: mappings, lists and texts, nothing that builds objects.

A document that its writer did not finish is told from a damaged one by where the fault is: what
is missing at its very end was not written.
"""
import re
from typing import Any, Union

from flightlog_bucket.logs.reader import Damage, Truncated
import yaml

MAX_BYTES = 1024 * 1024
_MAX_DEPTH = 16
_MAX_NODES = 50_000
"""A recording of 500 topics has about 30,000 where each profile of each topic is one."""
_ESCAPE_CHARACTERS = 10
_INTEGER = re.compile(r'-?[0-9]{1,20}')

# Numbers, dates and the like stay texts: the safe loader would calculate with them.
_Loader: Any = getattr(yaml, 'CBaseLoader', yaml.BaseLoader)
_Value = Union[str, list[Any], dict[str, Any]]


class Node:
    """
    A value of a document.

    :param value: texts, and lists and mappings of them
    :param name: of it, for people
    :param is_last: whether nothing follows it in the document
    """

    def __init__(self, value: _Value, name: str, *, is_last: bool) -> None:
        self._value, self.name, self.is_last = value, name, is_last

    @property
    def keys(self) -> list[str]:
        """
        The keys of a mapping, in their order.

        :raises Damage: if it is none
        :raises Truncated: if its end is missing
        """
        return list(self._mapping())

    def __getitem__(self, key: str) -> 'Node':
        """
        Return the value of a key.

        :raises Damage: if it is missing
        :raises Truncated: if it was not written yet
        """
        mapping = self._mapping()
        if key not in mapping:
            raise self._wrong(f'{self.name} has no {key}')
        return Node(mapping[key], key, is_last=self.is_last and key == list(mapping)[-1])

    def items(self) -> list['Node']:
        """
        Return the items of a list.

        :raises Damage: if it is none
        :raises Truncated: if its end is missing
        """
        if not isinstance(self._value, list):
            raise self._wrong(f'{self.name} is no list')
        last = len(self._value) - 1
        return [Node(value, f'item {place} of {self.name}', is_last=self.is_last and place == last)
                for place, value in enumerate(self._value)]

    def text(self) -> str:
        """
        Return a text.

        :raises Damage: if it is none
        """
        if not isinstance(self._value, str):
            raise Damage(f'{self.name} is no text')
        return self._value

    def integer(self) -> int:
        """
        Return an integer.

        :raises Damage: if it is none
        :raises Truncated: if it was not written yet
        """
        text = self.text()
        if not _INTEGER.fullmatch(text):
            raise (Damage if text else self._wrong)(f'{self.name} is no number: {text[:40]!r}')
        return int(text)

    def _mapping(self) -> dict[str, Any]:
        if not isinstance(self._value, dict) or not self._value:
            raise self._wrong(f'{self.name} is no mapping')
        return self._value

    def _wrong(self, what: str) -> ValueError:
        return Truncated(f'it ends where {what}') if self.is_last else Damage(what)


def load(data: bytes) -> Node:
    """
    Return the one value of a document.

    :raises Damage: if it is no YAML, too large or deep, or has anchors, aliases or tags
    :raises Truncated: if it ends inside a value
    """
    if len(data) > MAX_BYTES:
        raise Damage(f'it has {len(data)} bytes, more than {MAX_BYTES}')
    text = _decoded(data)
    try:
        _check_events(text)
        value = yaml.load(text, Loader=_Loader)  # noqa: S506, it makes texts only
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark.index if error.problem_mark else 0
        # What is left open has its problem at the end, or at the escape that this is in.
        wrong = Truncated if at >= len(text.rstrip()) - _ESCAPE_CHARACTERS else Damage
        raise wrong(f'it is no YAML: {error.problem or error.context}') from error
    except yaml.YAMLError as error:
        raise Damage('it is no YAML') from error
    return Node(value, 'it', is_last=True)


def _decoded(data: bytes) -> str:
    try:
        return data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        is_cut = error.end == len(data) and error.reason == 'unexpected end of data'
        raise (Truncated if is_cut else Damage)('it is not UTF-8') from error


def _check_events(text: str) -> None:
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise Damage('it has an alias')
        if not isinstance(event, yaml.NodeEvent):
            depth -= isinstance(event, yaml.CollectionEndEvent)
            continue
        nodes += 1
        depth += isinstance(event, yaml.CollectionStartEvent)
        if event.anchor is not None or event.tag is not None:
            raise Damage('it has an anchor or a tag')
        if depth > _MAX_DEPTH or nodes > _MAX_NODES:
            raise Damage(f'it has more than {_MAX_NODES} values, or is deeper than {_MAX_DEPTH}')
