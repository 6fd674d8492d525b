"""Check package.xml as the ROS tools do, and that it has the version of the Python package."""
from pathlib import Path
import sys

from catkin_pkg.package import InvalidPackage, parse_package
import flightlog_bucket

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Print what is wrong with package.xml, one line each; return the exit code."""
    findings: list[str] = []
    try:
        package = parse_package(str(ROOT), warnings=findings)
    except InvalidPackage as error:
        findings.append(str(error))
    else:
        if package.version != flightlog_bucket.__version__:
            findings.append(f'the version is {package.version}, but that of the Python package '
                            f'is {flightlog_bucket.__version__}')
    for finding in findings:
        print(f'package.xml: {finding}', file=sys.stderr)
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main())
