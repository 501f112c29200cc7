"""Starts Rolltop: the window, or what the command line asks for."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; returns the exit code."""
    try:
        from desktop.cli import main as run  # here, so that Ctrl+C while it is imported stays quiet

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
