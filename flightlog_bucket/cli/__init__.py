"""The command ``flightlog``: flight logs at a desk, with a node and without one."""
