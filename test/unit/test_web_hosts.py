"""By which names this computer is reached, and which one a person is told."""
import socket

from flightlog_bucket.web.hosts import KnownHosts
from flightlog_bucket.web.listener import url_of
import pytest


@pytest.mark.parametrize('own', ['drone-001', 'drone-001.example.com', 'Drone-001.example.com'])
def test_the_name_that_avahi_announces_is_known(monkeypatch: pytest.MonkeyPatch, own: str) -> None:
    monkeypatch.setattr(socket, 'gethostname', lambda: own)
    hosts = KnownHosts(['robot.example.org'])
    for name in (own, f'{own}.local', 'drone-001', 'drone-001.local', 'DRONE-001.local:8080',
                 'drone-001.local.', 'robot.example.org', 'localhost'):
        assert hosts.is_known(name), name
    for name in ('drone-001.evil.example', 'drone-00', 'local', '.local', 'example.com', ''):
        assert not hosts.is_known(name), name


@pytest.mark.parametrize('address, url', [
    ('0.0.0.0', 'http://drone-001.local:8080/'), ('::', 'http://drone-001.local:8080/'),
    ('127.0.0.1', 'http://127.0.0.1:8080/'), ('fd00::7', 'http://[fd00::7]:8080/')])
def test_the_log_names_what_a_phone_can_open(monkeypatch: pytest.MonkeyPatch, address: str,
                                             url: str) -> None:
    monkeypatch.setattr(socket, 'gethostname', lambda: 'drone-001.example.com')
    assert url_of(address, 8080) == url
    assert KnownHosts([]).is_known(url.removeprefix('http://').rstrip('/'))
