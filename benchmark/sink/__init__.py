"""An S3 server that keeps nothing of what it is sent, so that the client is what is measured."""
