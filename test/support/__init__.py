"""Servers on loopback and flight logs for the tests."""
