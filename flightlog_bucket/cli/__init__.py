"""The command ``flightlog``: flight logs at a desk, without a node."""
