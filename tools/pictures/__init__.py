"""The pictures in doc/pictures: what the real commands draw, and the real page."""
