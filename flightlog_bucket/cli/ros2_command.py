"""``ros2 flightlog``: the subcommands of ``flightlog``, where ros2cli finds them."""
import argparse
from typing import Any, Optional

from flightlog_bucket.cli.main import add_subcommands, execute
from ros2cli.command import CommandExtension


class FlightlogCommand(CommandExtension):
    """Upload, find and check flight logs."""

    def add_arguments(self, parser: argparse.ArgumentParser, cli_name: str, *,
                      argv: Optional[list[str]] = None) -> None:
        """
        Add the subcommands to the command line.

        :param cli_name: ``ros2 flightlog``
        """
        add_subcommands(parser)

    def main(self, *, parser: argparse.ArgumentParser, args: Any) -> int:
        """Run the one that was chosen; return its exit code."""
        return execute(args)
