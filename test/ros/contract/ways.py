"""Every way to the logs of one machine, side by side."""
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flightlog_bucket import S3BucketProxy
from node_process import NodeProcess
from ros_client import RosClient
from support.http_client import HttpClient, kept_port

from contract.application import application
from contract.driver import Driver
from contract.proxy_driver import ProxyDriver
from contract.rest_driver import RestDriver
from contract.ros_driver import RosDriver

WAYS = ('ros', 'rest', 'proxy', 'application')
MACHINE = 'drone-contract'
FOLDER = f'flight_logs/{MACHINE}/'
_ARGUMENTS = ('session_token_url', 'bucket_name', 'region', 'upload_prefix', 'endpoint_url',
              'request_timeout', 'robot_instance_id')


@contextmanager
def open_ways(ros: RosClient, home: Path, parameters: Mapping[str, Any],
              ) -> Iterator[Mapping[str, Driver]]:
    """
    Open all the ways: the first two lead through one node, the others through one proxy.

    :param ros: the fixture
    :param home: of the node
    :param parameters: of the node; those that ``S3BucketProxy`` has too are its arguments
    """
    whole = {**parameters, 'robot_instance_id': MACHINE}
    proxy = S3BucketProxy(**{name: whole[name] for name in _ARGUMENTS if name in whole},
                          max_file_size_bytes=whole.get('max_file_size', 2 ** 31),
                          received_directory=home / 'received')
    with kept_port() as port:
        node = NodeProcess(home, {**whole, 'http_port': port})
        try:
            rest = RestDriver(HttpClient(port).serving())
            node.serving()
            with (ProxyDriver(proxy) as by_proxy,
                  application(proxy, by_proxy.loop) as served_at):
                yield {'ros': RosDriver(ros), 'rest': rest, 'proxy': by_proxy,
                       'application': RestDriver(HttpClient(served_at))}
        finally:
            node.stop()
            ros.forget()
