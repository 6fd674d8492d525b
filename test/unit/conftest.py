"""What the unit tests share."""
from hypothesis import settings

# A busy machine is no failure; the time limit of pytest bounds the whole test.
settings.register_profile('flightlog_bucket', deadline=None)
settings.load_profile('flightlog_bucket')
