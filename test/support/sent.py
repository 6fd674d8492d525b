"""What went over the wire to S3, told from the exchanges of a ``FaultProxy``."""
from collections.abc import Iterable
import math

from support.faults import Exchange


def sent_bytes(exchanges: Iterable[Exchange]) -> int:
    """Return the bytes of objects and parts that the client has sent, in vain or not."""
    return sum(e.body_bytes for e in exchanges if _carries_content(e))


def acknowledged(exchanges: Iterable[Exchange]) -> set[str]:
    """Return the paths of the objects that were written whole and acknowledged."""
    return {e.path for e in exchanges if e.is_acknowledged and (
        (e.method == 'PUT' and not e.kind) or (e.method == 'POST' and e.kind == 'uploadId'))}


def upload_ids(exchanges: Iterable[Exchange]) -> set[str]:
    """Return the multipart uploads to which at least one part was sent."""
    return {e.upload_id for e in exchanges if e.part}


def sent_again(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """Return what was sent although the same had been acknowledged before it began."""
    acknowledged_s: dict[tuple[str, str, int], float] = {}
    again = []
    for exchange in sorted(filter(_carries_content, exchanges), key=lambda e: e.began_s):
        name = exchange.path, exchange.upload_id, exchange.part
        if acknowledged_s.get(name, exchange.began_s) < exchange.began_s:
            again.append(exchange)
        elif exchange.is_acknowledged:
            acknowledged_s[name] = min(exchange.ended_s, acknowledged_s.get(name, math.inf))
    return again


def _carries_content(exchange: Exchange) -> bool:
    return exchange.method == 'PUT' and (exchange.part > 0 or not exchange.kind)
