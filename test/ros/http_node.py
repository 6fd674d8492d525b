"""A node that serves HTTP, for as long as somebody asks it."""
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from node_process import NodeProcess
from ros_client import RosClient
from support.http_client import HttpClient


@contextmanager
def http_node(directory: Path, parameters: Mapping[str, Any],
              ros: RosClient) -> Iterator[HttpClient]:
    """
    Run a node, and give a client of it.

    :param directory: for its files
    :param parameters: with ``http_port``
    :param ros: talks to it, and to the next one
    """
    node = NodeProcess(directory, parameters)
    try:
        node.serving()
        yield HttpClient(parameters['http_port']).serving()
    finally:
        node.stop()
        ros.forget()
