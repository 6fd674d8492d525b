"""
The REST API for applications of FastAPI: ``bucket_api.router``, and what it works with.

An application registers its ``S3BucketProxy`` as ``proxies['bucket']`` here, or brings a registry
of its own with ``set_proxies()``.
"""
from collections.abc import MutableMapping
from typing import Any

proxies: MutableMapping[str, Any] = {}
"""The registry that is used where an application brings none of its own."""

_registry = proxies


def set_proxies(registry: MutableMapping[str, Any]) -> None:
    """
    Work with the proxies of an application.

    :param registry: looked up at each request, so that it can be filled later
    """
    global _registry
    _registry = registry


def get_proxies() -> MutableMapping[str, Any]:
    """Return the registry that the routers work with."""
    return _registry
