"""The packages that HTTP takes, and nothing else of flightlog_bucket."""
NEEDED = {'fastapi': (0, 101), 'uvicorn': (0, 27), 'python-multipart': (0, 0, 9)}
"""The oldest versions that do; as in setup.cfg, under http."""


def install_command() -> str:
    """Return what a person types to have them; the package itself need not come from pip."""
    packages = (f"'{name}>={version_text(name)}'" for name in NEEDED)
    return f'pip install {" ".join(packages)}'


def version_text(name: str) -> str:
    """Return the oldest version of one of them."""
    return '.'.join(map(str, NEEDED[name]))
