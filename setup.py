"""
``pip install .``: the Python modules, and all that ``colcon build`` installs.

``colcon build`` uses CMakeLists.txt and does not read this file. Here the same CMakeLists.txt is
run where ROS 2 is around (a sourced setup.bash, or the ``ros-*`` wheels in this virtual
environment), and what it installs (interfaces, programs, launch files, the ament index) goes into
the wheel. Without ROS 2, in editable mode or with FLIGHTLOG_BUCKET_ROS=0 it is the modules alone.
"""
import hashlib
import os
from pathlib import Path
import shlex
import shutil
import subprocess
import sys

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

NAME = 'flightlog_bucket'
HERE = Path(__file__).resolve().parent
GENERATORS = Path('share/rosidl_default_generators/package.xml')


def ros_prefixes():
    """Return the folders that ROS 2 is installed in; none: build without it."""
    if os.environ.get('FLIGHTLOG_BUCKET_ROS') == '0':
        return []
    prefixes = [p for p in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if p]
    prefixes = list(dict.fromkeys([*prefixes, sys.prefix]))
    return prefixes if any((Path(p) / GENERATORS).is_file() for p in prefixes) else []


def build_base():
    """Make a folder of its own for each environment that this checkout is built in."""
    key = os.pathsep.join([sys.executable, *ros_prefixes()])
    base = HERE / 'build' / hashlib.sha256(key.encode()).hexdigest()[:8]
    base.mkdir(parents=True, exist_ok=True)
    return str(base.relative_to(HERE))


class BuildWithInterfaces(build_py):
    """Copies the modules, then adds what CMake installs."""

    def run(self):
        if getattr(self, 'editable_mode', False):
            super().run()
            return
        # What was deleted since the last build must not get into this one.
        shutil.rmtree(Path(self.build_lib) / NAME, ignore_errors=True)
        super().run()
        if prefixes := ros_prefixes():
            temporary = Path(self.get_finalized_command('build').build_temp).resolve()
            stage = temporary / 'stage'
            shutil.rmtree(stage, ignore_errors=True)
            run_cmake(prefixes, temporary / 'cmake', stage)
            self.add_installed(stage)

    def add_installed(self, stage):
        """Put what is below ``stage`` into the wheel, modules as modules and the rest as data."""
        module = next(stage.rglob(f'python*/*-packages/{NAME}'))
        for path in sorted(p for p in stage.rglob('*') if p.is_file()):
            if '__pycache__' in path.parts or path.suffix == '.c':
                continue
            if path.is_relative_to(module):
                target = Path(self.build_lib) / NAME / path.relative_to(module)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)
            # Left out are the egg-info and bin/, which pip makes of the entry points.
            elif not (path.is_relative_to(module.parent) or path.parent == stage / 'bin'):
                self.distribution.data_files.append(
                    (str(path.relative_to(stage).parent), [str(path)]))


def run_cmake(prefixes, build, stage):
    """Configure, build and install into ``stage``, against the ROS 2 in ``prefixes``."""
    env = dict(os.environ)
    env['AMENT_PREFIX_PATH'] = env['CMAKE_PREFIX_PATH'] = os.pathsep.join(prefixes)
    # pip's isolated build hides this environment's own site-packages.
    env['PYTHONPATH'] = os.pathsep.join(
        p for p in env.get('PYTHONPATH', '').split(os.pathsep) if 'pip-build-env' not in p)
    # No build type, as with colcon: to optimise the generated code takes long and saves nothing.
    args = [f'-DCMAKE_INSTALL_PREFIX={stage}', f'-DPython3_EXECUTABLE={sys.executable}',
            f'-DCMAKE_PROJECT_INCLUDE={HERE}/cmake/ros_wheels.cmake', '-DBUILD_TESTING=OFF']
    for command in (['cmake', '-S', str(HERE), '-B', str(build), *args],
                    ['cmake', '--build', str(build), '--target', 'install',
                     '--parallel', str(os.cpu_count() or 1)]):
        if subprocess.run(command, env=env).returncode:
            sys.exit(f'failed: {shlex.join(command)}')


class PlatformDistribution(Distribution):
    """A wheel with interfaces holds compiled libraries."""

    def has_ext_modules(self):
        return bool(ros_prefixes())


# CMake's part brings these itself; here they make the modules alone an ament package.
INDEX = [('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
         (f'share/{NAME}', ['package.xml'])]

BUILD_BASE = build_base()

setup(
    distclass=PlatformDistribution,
    cmdclass={'build_py': BuildWithInterfaces},
    data_files=[] if ros_prefixes() else INDEX,
    options={'build': {'build_base': BUILD_BASE}, 'egg_info': {'egg_base': BUILD_BASE}},
)
