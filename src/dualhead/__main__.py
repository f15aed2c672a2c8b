"""`python -m dualhead` is the command `dualhead`, which starts here, so that even its imports can be interrupted."""

import sys

from dualhead.runtime.interrupts import end_on_signals


def main() -> int:
    """Run the command line; returns its exit code."""
    end_on_signals()
    from dualhead import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
