"""The pictures of the command line in doc/pictures: what the real commands draw."""
