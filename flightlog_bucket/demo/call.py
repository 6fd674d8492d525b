"""
``python -m flightlog_bucket.demo.call upload file_path=/path/to/flight.ulg``.

A stand-in for ``ros2 service call`` where that program is not installed: it is not on PyPI.
"""
import argparse
from collections.abc import Callable, Sequence
import sys
from typing import Any, Optional

from flightlog_bucket.demo.client import fields_of, NoAnswer, NodeClient, SERVICES
from flightlog_bucket.demo.story import describe

_NODE_TIMEOUT_S = 10.0
_CALL_TIMEOUT_S = 600.0
_READERS: dict[str, Callable[[str], Any]] = {
    'string': str, 'boolean': lambda text: text.lower() in ('true', '1'), 'uint32': int}


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Call the service, print the answer; return 0 if it is a success."""
    arguments = _parse(argv)
    try:
        with NodeClient(lambda: True) as client:
            client.wait_for_node(_NODE_TIMEOUT_S)
            answer = client.call(arguments.service, arguments.request, _CALL_TIMEOUT_S)
    except NoAnswer as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(describe(answer).encode('utf-8', 'backslashreplace').decode())
    return 0 if answer.success else 1


def _parse(argv: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m flightlog_bucket.demo.call',
                                     description='Call a service of a running node.')
    parser.add_argument('service', choices=SERVICES)
    parser.add_argument('fields', nargs='*', metavar='NAME=VALUE',
                        help='of the request, e.g. file_path=/path/to/flight.ulg')
    arguments = parser.parse_args(argv)
    try:
        arguments.request = dict(_field(arguments.service, text) for text in arguments.fields)
    except ValueError as error:
        parser.error(str(error))
    return arguments


def _field(service: str, text: str) -> tuple[str, Any]:
    name, is_given, value = text.partition('=')
    kinds = fields_of(service)
    if not is_given or name not in kinds:
        raise ValueError(f'{text!r}: give NAME=VALUE, NAME one of ' + ', '.join(kinds))
    return name, _READERS[kinds[name]](value)


if __name__ == '__main__':
    sys.exit(main())
