"""
flightlog_bucket: every flight log off the robot and into S3.

``S3BucketProxy`` is the asyncio API, ``FlightLogBucket`` the synchronous one; both are imported
on first use, so that importing the package costs nothing.
"""
import importlib
import pkgutil
from typing import Any, TYPE_CHECKING

# The generated interfaces (flightlog_bucket.srv, .msg) live in the installed copy of this
# package. Let a source checkout that comes first on sys.path see them.
__path__ = pkgutil.extend_path(__path__, __name__)

__version__ = '0.1.0'
__all__ = ['BucketSettings', 'FlightLogBucket', 'FlightlogError', 'S3BucketProxy', '__version__']

if TYPE_CHECKING:
    from flightlog_bucket.bucket import FlightLogBucket
    from flightlog_bucket.errors import FlightlogError
    from flightlog_bucket.proxy import S3BucketProxy
    from flightlog_bucket.settings import BucketSettings

_HOME = {
    'BucketSettings': 'settings',
    'FlightLogBucket': 'bucket',
    'FlightlogError': 'errors',
    'S3BucketProxy': 'proxy',
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(f'{__name__}.{_HOME[name]}'), name)
