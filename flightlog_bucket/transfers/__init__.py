"""Flight logs on their way into the bucket: queued, uploading, stored, rejected."""
