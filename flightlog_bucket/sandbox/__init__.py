"""An S3 server and a session-token service on loopback, for a desk trial and for tests."""
from flightlog_bucket.sandbox.options import SandboxOptions
from flightlog_bucket.sandbox.process import Sandbox, SandboxError

__all__ = ['Sandbox', 'SandboxError', 'SandboxOptions']
