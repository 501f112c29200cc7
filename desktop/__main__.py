"""Starts Rolltop: the window, or what the command line asks for."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; returns the exit code."""
    try:
        if len(sys.argv) == 1:  # the window needs nothing of the command line
            from desktop.ui.app import main as open_window

            return open_window()
        from desktop.cli import main as run  # here, so that Ctrl+C while it is imported stays quiet

        return run()
    except KeyboardInterrupt:
        return 130
    except ImportError as error:
        # Mostly a library of the system that Qt or llama.cpp needs.
        words = "rolltop: a part cannot be loaded: {}. README lists what each system needs.\n"
        sys.stderr.write(words.format(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
