"""A token keeper under botocore's credentials, with a service and a clock of the test's."""
from typing import Optional

from botocore.credentials import ReadOnlyCredentials, RefreshableCredentials
from flightlog_bucket.errors import FlightlogError
from flightlog_bucket.results import CredentialStatus
from flightlog_bucket.storage.credentials import END, TokenKeeper
from flightlog_bucket.storage.session_token import SessionToken

DOWN = 'the session-token service is down'


class Service:
    """Gives tokens that are numbered from 1, or fails."""

    def __init__(self, life_s: float = 900.0) -> None:
        self.life_s = life_s
        self.now_s = 1000.0
        self.takes_s = 0.0
        self.asked = 0
        self.given = 0
        self.error: Optional[FlightlogError] = None

    def fetch(self) -> SessionToken:
        self.asked += 1
        self.now_s += self.takes_s
        if self.error:
            raise self.error
        self.given += 1
        return SessionToken(f'key{self.given}', f'secret{self.given}', f'token{self.given}',
                            self.life_s)

    def clock(self) -> float:
        return self.now_s


class Pair:
    """A keeper, and the credentials of botocore that stand on it as in ``S3Client``."""

    def __init__(self, service: Service,
                 kind: type[RefreshableCredentials] = RefreshableCredentials) -> None:
        self.service = service
        self.keeper = TokenKeeper(service.fetch, service.clock)
        self.credentials = kind(
            access_key='', secret_key='', token='', expiry_time=END, method='test',
            refresh_using=self.keeper.refresh, time_fetcher=self.keeper.age)

    def used(self) -> int:
        """Return the number of the token that a request would be signed with now."""
        return number_of(self.credentials.get_frozen_credentials())

    def status(self) -> CredentialStatus:
        return self.keeper.status()


def number_of(frozen: ReadOnlyCredentials) -> int:
    number = int(frozen.token.removeprefix('token'))
    assert (frozen.access_key, frozen.secret_key) == (f'key{number}', f'secret{number}')
    return number
