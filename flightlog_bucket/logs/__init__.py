"""
What a flight log is: its format by name and content, and when it began.

``inspect()`` is the way in. There is one module a format; ``formats`` lists them.
"""
from flightlog_bucket.logs.facts import inspect, LogFacts

__all__ = ['LogFacts', 'inspect']
