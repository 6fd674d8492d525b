"""Whether anybody is there, and noticing that somebody is again."""
import socket
import threading

from flightlog_bucket.transfers.reachability import Endpoints, hosts_of, Prober
import pytest
from support.expect import wait_until
from support.http_client import kept_port

PROXIES = ('http_proxy', 'https_proxy', 'no_proxy', 'all_proxy')


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server():
    with socket.create_server(('127.0.0.1', 0)) as listening:
        yield listening.getsockname()


@pytest.fixture
def nobody():
    with kept_port() as port:
        yield '127.0.0.1', port


def test_hosts_and_their_ports():
    assert hosts_of(['http://s3.local:9000', 'https://s3.eu-west-1.amazonaws.com/x',
                     'http://tokens/y']) == [
        ('s3.local', 9000), ('s3.eu-west-1.amazonaws.com', 443), ('tokens', 80)]


def test_behind_a_proxy_it_is_the_proxy_that_counts(monkeypatch):
    monkeypatch.setenv('https_proxy', 'http://proxy:3128')
    monkeypatch.setenv('no_proxy', 'inside.example.com')
    assert hosts_of(['https://outside.example.com', 'https://inside.example.com']) == [
        ('proxy', 3128), ('inside.example.com', 443)]


def test_all_of_them_must_be_there(server, nobody):
    assert Endpoints([server], timeout_s=20).are_reachable()
    assert not Endpoints([server, nobody], timeout_s=20).are_reachable()
    assert not Endpoints([nobody], timeout_s=20).are_reachable()


def test_names_are_looked_up_without_waiting_for_ever(server, monkeypatch):
    assert Endpoints([('localhost', server[1])], timeout_s=20).are_reachable()
    asked, answer = [], threading.Event()

    def silent(*arguments, **_):
        asked.append(arguments)
        answer.wait(30)
        raise socket.gaierror
    monkeypatch.setattr(socket, 'getaddrinfo', silent)
    endpoints = Endpoints([('nowhere.example.com', 443)], timeout_s=0.01)
    try:
        for _ in range(50):
            assert not endpoints.are_reachable()
        wait_until(lambda: asked)
        assert len(asked) <= 8
    finally:
        answer.set()


def test_a_known_address_is_used_while_the_name_server_is_silent(server, monkeypatch):
    endpoints = Endpoints([('localhost', server[1])], timeout_s=20)
    assert endpoints.are_reachable()

    def fail(*_, **__):
        raise socket.gaierror
    monkeypatch.setattr(socket, 'getaddrinfo', fail)
    assert endpoints.are_reachable()


def test_the_return_of_the_network_is_told_once():
    answers, both_begun, returned = iter([False, False, True]), threading.Event(), []

    def look():
        assert both_begun.wait(20)
        return next(answers)
    prober = Prober(look, lambda: returned.append(True), period_s=0.001)
    prober.begin()
    prober.begin()
    both_begun.set()
    wait_until(lambda: returned and not any(
        t.name == 'network' for t in threading.enumerate()))
    assert returned == [True]


def test_a_network_that_was_never_gone_is_not_told():
    looked, returned = [], []

    def look():
        looked.append(True)
        return True
    prober = Prober(look, lambda: returned.append(True), period_s=0.001)
    for count in (1, 2):
        prober.begin()
        wait_until(lambda least=count: len(looked) >= least and not any(
            t.name == 'network' for t in threading.enumerate()))
    assert returned == []


def test_a_network_that_goes_right_after_the_last_look_is_looked_at_again():
    answers, looked, returned = iter([True, False, True]), [], []

    def look():
        if not looked:
            looked.append(True)
            prober.begin()  # a try fails before this look has ended
        return next(answers)
    prober = Prober(look, lambda: returned.append(True), period_s=0.001)
    prober.begin()
    wait_until(lambda: not any(t.name == 'network' for t in threading.enumerate()))
    assert returned == [True]


def test_it_ends_when_it_is_closed():
    looked = threading.Event()

    def look():
        looked.set()
        return False
    prober = Prober(look, lambda: None, period_s=60)
    prober.begin()
    assert looked.wait(20)
    prober.close()
    wait_until(lambda: not any(t.name == 'network' for t in threading.enumerate()))
    prober.begin()
    assert not any(t.name == 'network' for t in threading.enumerate())
