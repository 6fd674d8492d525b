"""The numbers that the README quotes, measured beside other S3 clients: ``make bench``."""
