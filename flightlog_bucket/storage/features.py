"""What not every S3 server has: found out once, remembered for an hour, done without."""
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
import logging
import threading
import time
from types import MappingProxyType
from typing import Any

from flightlog_bucket.errors import NotSupported
from flightlog_bucket.storage.client import S3Client

_log = logging.getLogger(__name__)

Parameters = Mapping[str, Any]

SUMS = 'checksums'
PART_SUMS = 'full-object checksums'
PUT_IF_FREE = 'conditional put'
COMPLETE_IF_FREE = 'conditional complete'
KEPT_SUMS = 'checksums of parts'
LISTED_PARTS = 'list of the parts of an upload'

_FORGET_MISSING_S = 3600.0


class Features:
    """
    Calls S3 with as many of the optional features as the SDK and the server have.

    :param client: of the bucket
    :param demanded: features without which nothing is sent
    :param clock: monotonic seconds
    """

    def __init__(self, client: S3Client, demanded: Iterable[str] = (), *,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self.demanded = frozenset(demanded)
        self._clock = clock
        # What the server was found not to have, and until when that is believed.
        self._missing: dict[str, float] = {}
        self._lock = threading.Lock()

    def has(self, name: str) -> bool:
        """Tell whether the server may have a feature, for all that is known."""
        return self._missing.get(name, 0.0) <= self._clock()

    def call(self, operation: str, key: str, required: Parameters,
             optional: Mapping[str, Parameters],
             instead: Mapping[str, Callable[[], Parameters]] = MappingProxyType({}),
             ) -> dict[str, Any]:
        """
        Call S3.

        :param operation: of boto3's S3 client
        :param key: of the object
        :param required: parameters that every try has
        :param optional: by feature, the parameters that use it
        :param instead: by feature, the parameters where it is missing
        :raises NotSupported: if the server has not what is demanded
        """
        usable = [name for name, parameters in optional.items() if self.has(name)
                  and all(self._client.supports(operation, p) for p in parameters)]
        droppable = [name for name in usable if name not in self.demanded]
        refusal = NotSupported(f'{operation} takes none of {", ".join(optional)}')
        # The least is left out first, and what guards most is left out last; nothing is before
        # the server has said it twice, as a gateway on the way may have said it once.
        for left_out in ((), *(c for count in range(len(droppable) + 1)
                               for c in combinations(droppable, count))):
            merged = dict(required)
            for name, parameters in optional.items():
                if name in usable and name not in left_out:
                    merged.update(parameters)
                elif name in instead:
                    merged.update(instead[name]())
            try:
                answer = self._client.call(operation, key=key, **merged)
            except NotSupported as error:
                refusal = error
                continue
            self._note_missing(left_out)
            return answer
        raise refusal

    def note_missing(self, name: str) -> None:
        """Remember for an hour that the server has not, or does not allow, a feature."""
        with self._lock:
            self._missing[name] = self._clock() + _FORGET_MISSING_S

    def _note_missing(self, names: Sequence[str]) -> None:
        with self._lock:
            news = [name for name in names if name not in self._missing]
        for name in names:
            self.note_missing(name)
        if news:
            _log.warning('this S3 server has no %s; uploads go on without', ' and no '.join(news))
