"""What the services say, in the words of the command line."""

_PHRASES = (
    ('set overwrite, or give another local_path', 'give --overwrite, or another -o'),
    ('give another local_path', 'give another -o'),
    ('give no custom_filename', 'give no --name'),
    ('Give a shorter custom_filename', 'Give a shorter --name'),
    ('a custom_filename', 'a --name'),
    ('s3_key is empty', 'the key is empty'),
    ("s3_key '", "the key '"),
    ('s3_key has ', 'the key has '),
)


def in_options(text: str) -> str:
    """Return a text in which arguments of services are called as the options are."""
    for said, meant in _PHRASES:
        text = text.replace(said, meant)
    return text
