"""
The process of the sandbox: moto's S3, IAM and STS, and the session-token service.

``Sandbox`` starts it. Its standard input brings the options and then commands, one JSON object
a line, and its end means that the parent is gone. Its standard output answers each line.
"""
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
import json
import logging
import os
import signal
import socket
import sys
import threading
from typing import Any, TextIO
from urllib.request import build_opener, ProxyHandler, Request

from flightlog_bucket.sandbox.options import SandboxOptions
from flightlog_bucket.sandbox.session_service import PATH, SessionTokenServer
from flightlog_bucket.sandbox.token_gate import TokenGate

HOST = '127.0.0.1'
_ROLE = 'flightlog-bucket'
_ADMIN = 'sandbox-admin'
# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
_STS_MIN_LIFETIME_S = 900
_STS_MAX_LIFETIME_S = 12 * 3600


@dataclass(frozen=True)
class _AccessKey:
    access_key_id: str
    secret_access_key: str


class _Account:
    """The AWS account that moto plays, as its administrator sees it."""

    def __init__(self, endpoint_url: str, options: SandboxOptions) -> None:
        self._endpoint_url = endpoint_url
        self._options = options
        self.admin = self._create_admin()
        self._role_arn = self._create_role()
        self._create_bucket()
        _switch_authentication_on(endpoint_url)
        self._sts = self._client('sts', self.admin)

    def assume_role(self) -> dict[str, Any]:
        lifetime_s = int(self._options.token_lifetime_s)
        answer = self._sts.assume_role(
            RoleArn=self._role_arn, RoleSessionName='sandbox',
            DurationSeconds=min(max(lifetime_s, _STS_MIN_LIFETIME_S), _STS_MAX_LIFETIME_S))
        credentials: dict[str, Any] = answer['Credentials']
        return credentials

    def _client(self, service: str, key: _AccessKey) -> Any:
        import boto3
        from botocore.config import Config
        return boto3.client(
            service, region_name=self._options.region, endpoint_url=self._endpoint_url,
            aws_access_key_id=key.access_key_id, aws_secret_access_key=key.secret_access_key,
            config=Config(proxies={}, connect_timeout=10, read_timeout=10,
                          s3={'addressing_style': 'path'}))

    def _create_admin(self) -> _AccessKey:
        # Before the authentication is on, any key will do.
        self._iam = self._client('iam', _AccessKey('AKIASANDBOX', 'sandbox'))
        self._iam.create_user(UserName=_ADMIN)
        self._iam.put_user_policy(
            UserName=_ADMIN, PolicyName='all', PolicyDocument=_allow_json('*', '*'))
        key = self._iam.create_access_key(UserName=_ADMIN)['AccessKey']
        return _AccessKey(key['AccessKeyId'], key['SecretAccessKey'])

    def _create_role(self) -> str:
        trust = {'Version': '2012-10-17', 'Statement': [{
            'Effect': 'Allow', 'Action': 'sts:AssumeRole', 'Principal': {'AWS': '*'}}]}
        role = self._iam.create_role(RoleName=_ROLE, AssumeRolePolicyDocument=json.dumps(trust))
        self._iam.put_role_policy(RoleName=_ROLE, PolicyName='flight-logs',
                                  PolicyDocument=json.dumps(self._options.policy()))
        return str(role['Role']['Arn'])

    def _create_bucket(self) -> None:
        elsewhere = {'CreateBucketConfiguration': {'LocationConstraint': self._options.region}}
        self._client('s3', self.admin).create_bucket(
            Bucket=self._options.bucket_name,
            **({} if self._options.region == 'us-east-1' else elsewhere))


class _TokenIssuer:
    """Makes the answers of the session-token service."""

    def __init__(self, account: _Account, gate: TokenGate, lifetime_s: float) -> None:
        self._account = account
        self._gate = gate
        self._lifetime_s = lifetime_s

    def issue(self) -> dict[str, str]:
        credentials = self._account.assume_role()
        self._gate.admit(credentials['AccessKeyId'], self._lifetime_s)
        expiration = datetime.now(timezone.utc) + timedelta(seconds=self._lifetime_s)
        return {
            'accessKeyId': credentials['AccessKeyId'],
            'secretAccessKey': credentials['SecretAccessKey'],
            'sessionToken': credentials['SessionToken'],
            'expiration': expiration.isoformat(timespec='milliseconds').replace('+00:00', 'Z'),
        }


def main() -> int:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    answers = _own_standard_output()
    options = SandboxOptions(**json.loads(sys.stdin.readline()))
    try:
        gate, facts = _start(options)
    except ImportError as error:
        return _give_up(answers, f'the sandbox needs moto and boto3 ({error}): '
                                 'pip install ".[sandbox]" in its checkout')
    except OSError as error:
        return _give_up(answers, f'the sandbox cannot listen on {HOST}: {error.strerror}')
    _say(answers, facts)
    for line in sys.stdin:
        gate.end_all(json.loads(line)['end_tokens'])
        _say(answers, {})
    return 0


def _start(options: SandboxOptions) -> tuple[TokenGate, dict[str, str]]:
    from moto.moto_server.werkzeug_app import (
        create_backend_app,
        DomainDispatcherApplication,
        MotoRequestHandler,
    )
    from werkzeug.serving import make_server
    logging.getLogger('werkzeug').setLevel(logging.ERROR)
    listener, token_listener = _listen(options.s3_port), _listen(options.session_token_port)
    gate = TokenGate(DomainDispatcherApplication(create_backend_app))
    s3 = make_server(HOST, listener.getsockname()[1], gate, threaded=True,
                     request_handler=MotoRequestHandler, fd=listener.fileno())
    threading.Thread(target=s3.serve_forever, name='s3', daemon=True).start()
    account = _Account(_url(listener), options)
    issuer = _TokenIssuer(account, gate, options.token_lifetime_s)
    tokens = SessionTokenServer(token_listener, issuer.issue, options.bearer_token)
    threading.Thread(target=tokens.serve_forever, name='session-token', daemon=True).start()
    return gate, {
        'endpoint_url': _url(listener),
        'session_token_url': _url(token_listener) + PATH,
        'admin_access_key_id': account.admin.access_key_id,
        'admin_secret_access_key': account.admin.secret_access_key,
    }


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port), backlog=128)
    except OSError as error:
        raise OSError(error.errno, f'port {port}: {os.strerror(error.errno or 0)}') from None


def _url(listener: socket.socket) -> str:
    return f'http://{HOST}:{listener.getsockname()[1]}'


def _switch_authentication_on(endpoint_url: str) -> None:
    request = Request(  # noqa: S310 - an URL of this process
        f'{endpoint_url}/moto-api/reset-auth', data=b'0', method='POST',
        headers={'Content-Type': 'text/plain'})
    opener = build_opener(ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        answer.read(1024)


def _allow_json(action: str, resource: str) -> str:
    return json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': action, 'Resource': resource}]})


def _own_standard_output() -> TextIO:
    """Take standard output for the answers; what a library prints goes to standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), 'w')
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _say(answers: TextIO, content: dict[str, str]) -> None:
    answers.write(json.dumps(content) + '\n')
    answers.flush()


def _give_up(answers: TextIO, error: str) -> int:
    _say(answers, {'error': error})
    return 1


if __name__ == '__main__':
    sys.exit(main())
