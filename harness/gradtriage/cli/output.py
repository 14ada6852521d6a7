"""Lines for the terminal, which may be closed or full: the evidence matters more than its echo."""

import os
import sys

import click


def say(text: str, *, err: bool = False, nl: bool = True) -> bool:
    """Prints, and tells whether somebody could take it."""
    try:
        click.echo(text, err=err, nl=nl)
    except OSError:
        let_go(err=err)
        return False
    return True


def let_go(*, err: bool = False) -> None:
    """Sends what is still to come nowhere, so that Python's own last flush does not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), (sys.stderr if err else sys.stdout).fileno())
