"""`python -m server`: every command is in `server/cli.py`."""

import sys

from server.cli import main

sys.exit(main())
