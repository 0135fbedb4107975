"""`python -m flows` is `weathervane`."""

from flows.cli import main

main()
