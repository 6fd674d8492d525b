"""
Check package.xml as the ROS tools do, and that it agrees with the Python package.

The version must be the same, and what only ``http_port`` takes must be there if it is wanted, and
only then: every package of the extra ``http`` that has a rosdep key.
"""
from configparser import ConfigParser
from pathlib import Path
import sys

from catkin_pkg.package import InvalidPackage, Package, parse_package
import flightlog_bucket

ROOT = Path(__file__).resolve().parent.parent
SWITCH = 'FLIGHTLOG_BUCKET_HTTP'
WITHOUT_KEY = frozenset(('python-multipart',))
"""Python packages that rosdep does not know."""


def main() -> int:
    """Print what is wrong with package.xml, one line each; return the exit code."""
    findings: list[str] = []
    try:
        package = parse_package(str(ROOT), warnings=findings)
    except InvalidPackage as error:
        findings.append(str(error))
    else:
        findings += [*_version_findings(package), *_switch_findings(package)]
    for finding in findings:
        print(f'package.xml: {finding}', file=sys.stderr)
    return 1 if findings else 0


def _version_findings(package: Package) -> list[str]:
    if package.version == flightlog_bucket.__version__:
        return []
    return [f'the version is {package.version}, but that of the Python package is'
            f' {flightlog_bucket.__version__}']


def _switch_findings(package: Package) -> list[str]:
    wanted, switched = _http_keys(), _installed(package, '1') - _installed(package, '')
    return [f'{key} is {"not " if key in wanted else ""}installed by {SWITCH}=1 alone'
            for key in sorted(wanted ^ switched)]


def _http_keys() -> set[str]:
    """Return the rosdep keys of what the extra ``http`` of setup.cfg names."""
    setup = ConfigParser()
    setup.read(ROOT / 'setup.cfg')
    lines = setup['options.extras_require']['http'].split()
    return {f'python3-{name}' for line in lines
            if (name := line.partition('>')[0]) not in WITHOUT_KEY}


def _installed(package: Package, switch: str) -> set[str]:
    """Return what rosdep installs to run the package; see REP 149 for conditions."""
    package.evaluate_conditions({SWITCH: switch})
    return {depend.name for depend in package.exec_depends if depend.evaluated_condition}


if __name__ == '__main__':
    sys.exit(main())
