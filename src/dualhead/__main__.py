"""`python -m dualhead` is the command `dualhead`."""

import sys

from dualhead.cli import main

sys.exit(main())
