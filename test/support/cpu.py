"""What a call takes of the processor."""
from collections.abc import Callable
import time
from typing import TypeVar

T = TypeVar('T')


def least_cpu(call: Callable[[], T], bound_s: float, times: int = 3) -> tuple[T, float]:
    """
    Return what a call returns, and the seconds of the processor that it takes at least.

    The same work takes more of them on a busy computer: what is not within the bound is measured
    again.
    """
    seconds = []
    for _ in range(times):
        began_s = time.thread_time()
        result = call()
        seconds.append(time.thread_time() - began_s)
        if seconds[-1] < bound_s:
            break
    return result, min(seconds)
