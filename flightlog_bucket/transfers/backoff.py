"""How long to wait before the next try."""
from collections.abc import Callable
import random

FIRST_DELAY_S = 1.0
_MAX_DOUBLINGS = 30


def full_jitter(attempts: int, max_delay_s: float,
                uniform: Callable[[float, float], float] = random.uniform) -> float:
    """
    Return a random delay below a ceiling that doubles with every try.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

    :param attempts: tries so far, at least 1
    :param max_delay_s: where the ceiling stops doubling
    :param uniform: draws a number between its two arguments
    :returns: seconds
    """
    ceiling_s = FIRST_DELAY_S * 2.0 ** min(attempts - 1, _MAX_DOUBLINGS)
    return uniform(0.0, min(ceiling_s, max_delay_s))
