"""
Small YAML documents, read within bounds: mappings, lists and texts, nothing that builds objects.

A document that its writer did not finish is told from a damaged one by where the fault is: what
is missing at its very end was not written.
"""
from collections.abc import Iterator
import re
from typing import Any, Optional, Union

from flightlog_bucket.logs.libraries import Missing
from flightlog_bucket.logs.reader import Damage, TooMuch, Truncated

try:
    import yaml
except ImportError:  # at a desk without ROS
    yaml = None

MAX_BYTES = 4 * 1024 * 1024
_MAX_DEPTH = 16
_MAX_NODES = 150_000
"""A recording of 1,300 topics, or of 4,000 files, has about 60,000."""
_ESCAPE_CHARACTERS = 10
_INTEGER = re.compile(r'-?[0-9]{1,20}')

# Numbers, dates and the like stay texts: the safe loader would calculate with them.
_Loader: Any = getattr(yaml, 'CBaseLoader', getattr(yaml, 'BaseLoader', None))
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

    def items(self) -> Iterator['Node']:
        """
        Give the items of a list.

        :raises Damage: if it is none
        :raises Truncated: if its end is missing
        """
        if not isinstance(self._value, list):
            raise self._wrong(f'{self.name} is no list', can_be_cut=not self._value)
        last = len(self._value) - 1
        for place, value in enumerate(self._value):
            yield Node(value, f'item {place} of {self.name}',
                       is_last=self.is_last and place == last)

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
            raise self._wrong(f'{self.name} is no number: {text[:40]!r}', can_be_cut=not text)
        return int(text)

    def _mapping(self) -> dict[str, Any]:
        if not isinstance(self._value, dict) or not self._value:
            # A text may be its first key, without the colon.
            can_be_cut = not isinstance(self._value, list)
            raise self._wrong(f'{self.name} is no mapping', can_be_cut=can_be_cut)
        return self._value

    def _wrong(self, what: str, *, can_be_cut: bool = True) -> ValueError:
        if self.is_last and can_be_cut:
            return Truncated(f'it ends where {what}')
        return Damage(what)


def load(data: bytes) -> tuple[Node, str]:
    """
    Return the one value of a document, and what is wrong at its end, empty: nothing is.

    :raises Damage: if it is no YAML, too deep, or has anchors, aliases or tags
    :raises Truncated: if it ends inside a character
    :raises TooMuch: if it is too large
    """
    if len(data) > MAX_BYTES:
        raise TooMuch(f'it has {len(data)} bytes, more than {MAX_BYTES}')
    if yaml is None:
        raise Missing('PyYAML is not installed')
    text, tree, wrong = _decoded(data), _Tree(), ''
    try:
        for event in yaml.parse(text, Loader=_Loader):
            tree.add(event)
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark.index if error.problem_mark else 0
        wrong = f'it is no YAML: {error.problem or error.context}'
        # What is left open has its problem at the end, or at the escape that this is in.
        if at < len(text.rstrip()) - _ESCAPE_CHARACTERS:
            raise Damage(wrong) from error
    except yaml.YAMLError as error:
        raise Damage('it is no YAML') from error
    return Node(tree.value, 'it', is_last=True), wrong


def _decoded(data: bytes) -> str:
    try:
        return data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        is_cut = error.end == len(data) and error.reason == 'unexpected end of data'
        raise (Truncated if is_cut else Damage)('it is not UTF-8') from error


class _Tree:
    """The value that the events of a document describe, as far as they came."""

    def __init__(self) -> None:
        self._root: list[Any] = []
        self._open: list[Union[list[Any], dict[str, Any]]] = [self._root]
        # Of the mappings among them, those of which the value is next; None: a key is.
        self._keys: list[Optional[str]] = [None]
        self._texts: dict[str, str] = {}
        self._nodes = 0

    @property
    def value(self) -> _Value:
        """What there is of it; an empty text where there is nothing."""
        return self._root[0] if self._root else ''

    def add(self, event: Any) -> None:
        """
        Take an event.

        :raises Damage: if no writer of metadata makes it
        :raises TooMuch: if there are too many
        """
        if isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
            self._keys.pop()
        elif isinstance(event, yaml.AliasEvent):
            raise Damage('it has an alias')
        elif isinstance(event, yaml.NodeEvent):
            self._add_node(event)

    def _add_node(self, event: Any) -> None:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise TooMuch(f'it has more than {_MAX_NODES} values')
        if event.anchor is not None or event.tag is not None:
            raise Damage('it has an anchor or a tag')
        if isinstance(event, yaml.ScalarEvent):
            # Keys and most values are the same in each topic.
            self._place(self._texts.setdefault(event.value, event.value))
            return
        if len(self._open) > _MAX_DEPTH:
            raise Damage(f'it is deeper than {_MAX_DEPTH}')
        value: Union[list[Any], dict[str, Any]] = (
            {} if isinstance(event, yaml.MappingStartEvent) else [])
        self._place(value)
        self._open.append(value)
        self._keys.append(None)

    def _place(self, value: _Value) -> None:
        parent, key = self._open[-1], self._keys[-1]
        if parent is self._root and parent:
            raise Damage('it is more than one document')
        if isinstance(parent, list):
            parent.append(value)
        elif key is not None:
            parent[key] = value
            self._keys[-1] = None
        elif isinstance(value, str):
            parent[value] = ''
            self._keys[-1] = value
        else:
            raise Damage('the name of a value is no text')
