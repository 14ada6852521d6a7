"""`gradtriage init`."""

from pathlib import Path

import click

from gradtriage.errors import UsageError
from gradtriage.project.starting_files import write_starting_files


@click.command(
    epilog="Example: gradtriage init tests/test_gradients.py",
    short_help="Write a starting plan, ledger and settings for a project.",
)
@click.argument("select", nargs=-1, metavar="[TEST]...")
@click.option("--pyargs", is_flag=True, help="TEST names an installed package rather than a path.")
def init(select: tuple[str, ...], pyargs: bool) -> int:
    """Write plans/gradients.yaml, fix_plan.md and gradtriage.toml into this folder, for the TESTs given.

    Without TEST: pytest's testpaths, else tests/. Files that exist are left as they are; reports/ is added to
    .gitignore where there is a git repository.
    """
    if option := next((test for test in select if test.startswith("-")), None):
        raise UsageError(f"{option!r} is no test; options of pytest belong under 'args' in the plan")
    try:
        written = write_starting_files(Path.cwd(), select, ("--pyargs",) if pyargs else ())
    except OSError as error:
        raise UsageError(
            f"{error.filename or Path.cwd()}: {error.strerror or error}; choose a folder that can be written"
        ) from error
    for file in written:
        shown = file.path.relative_to(Path.cwd())
        click.echo(f"  {'wrote' if file.new else 'left '} {shown}")
    click.echo("Next: gradtriage run plans/gradients.yaml")
    return 0
