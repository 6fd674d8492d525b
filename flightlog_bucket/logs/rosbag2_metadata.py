"""``metadata.yaml`` of a rosbag2 directory, by its first words: it is not parsed."""
NAME = 'metadata.yaml'

_FIRST_KEY = b'rosbag2_bagfile_information:'


def matches(head: bytes) -> bool:
    """Tell whether a file that begins like this is the metadata of a rosbag2 directory."""
    for line in head.removeprefix(b'\xef\xbb\xbf').splitlines():
        text = line.strip()
        if text and text != b'---' and not text.startswith((b'#', b'%')):
            return line.startswith(_FIRST_KEY)
    return False
