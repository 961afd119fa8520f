"""`python -m simul`: the `simul` command."""

import sys

from simul._cli import main

if __name__ == "__main__":
    sys.exit(main())
