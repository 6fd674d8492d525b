"""Two logs with one key wait for each other, and hold up nobody else."""
from flightlog_bucket.errors import Busy
from flightlog_bucket.storage.key_locks import KeyLocks
from flightlog_bucket.transfers.settlement import NETWORK_FAULTS
import pytest


def test_a_key_that_is_being_written_is_no_fault_of_the_network():
    locks = KeyLocks()
    with locks.hold('a.ulg', 0), locks.hold('b.ulg', 0):
        with pytest.raises(Busy, match='is under way') as caught, locks.hold('a.ulg', 0):
            pytest.fail('two have it')
        # That would close the gate for all other logs.
        assert type(caught.value).__name__ not in NETWORK_FAULTS
        assert caught.value.retryable
    with locks.hold('a.ulg', 0):
        pass
