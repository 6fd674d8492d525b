"""Sizes in words."""

_UNITS = ('kB', 'MB', 'GB', 'TB')


def size_text(count: float) -> str:
    """Return a number of bytes, e.g. ``12.3 MB`` for 12,300,000."""
    if count < 1000:
        return f'{count:.0f} B'
    for unit in _UNITS:
        count /= 1000
        if count < 999.95 or unit == _UNITS[-1]:
            break
    return f'{count:.1f} {unit}'
