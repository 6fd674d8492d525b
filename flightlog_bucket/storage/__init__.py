"""S3: keys, session tokens, the client, uploads and downloads of one object."""
