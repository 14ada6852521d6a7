"""The command line: one lazily loaded module a command, so that `gradtriage --help` starts at once."""

import importlib
import sys
from typing import Any, NoReturn

import click

from gradtriage import __version__
from gradtriage.cli.codes import INTERRUPTED
from gradtriage.cli.output import let_go, say
from gradtriage.errors import GradTriageError

# name: (module, what it does); the module has a click command of the same name
COMMANDS = {
    "run": ("gradtriage.cli.run", "Run a plan's phases, each into its own evidence folder."),
    "plan": ("gradtriage.cli.plan", "Say which phases of a plan are done and what comes next."),
    "explain": ("gradtriage.cli.explain", "Say why a test's gradients are what they are, with proof."),
    "scan": ("gradtriage.cli.scan", "Find the gradient tests of a suite that prove nothing."),
    "suite": ("gradtriage.cli.suite", "Run a whole suite in resumable chunks and group what fails by cause."),
    "cluster": ("gradtriage.cli.cluster", "Group the failures of JUnit files by cause."),
    "history": ("gradtriage.cli.history", "Show what a test did over time."),
    "compare": ("gradtriage.cli.compare", "Say what got worse and what got better between two runs."),
    "bisect": ("gradtriage.cli.bisect", "Find the first commit at which a test's outcome or gradients changed."),
    "nightly": ("gradtriage.cli.nightly", "Suite, comparison, explanation, ledger and CI outputs in one."),
    "ledger": ("gradtriage.cli.ledger", "Read and edit the ledger, fix_plan.md."),
    "verify": ("gradtriage.cli.verify", "Check an evidence folder against its manifest."),
    "init": ("gradtriage.cli.init", "Write a starting plan, ledger and settings for a project."),
    "doctor": ("gradtriage.cli.doctor", "Say what the environment is and what makes runs irreproducible."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        return getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)  # type: ignore[no-any-return]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=_LazyGroup,
    no_args_is_help=False,  # that would be an error of many lines
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 nothing to report, 1 findings, 2 wrong usage, "
    "3 the harness could not finish, 130 interrupted.",
)
@click.version_option(__version__, prog_name="gradtriage")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def app(debug: bool) -> None:
    """Find out why a PyTorch gradient is zero, missing, NaN or wrong, and keep the evidence.

    \b
    Example:
      gradtriage init
      gradtriage run plans/gradients.yaml
    """  # noqa: D301 - click knows the character, not the escape


def main(argv: list[str] | None = None) -> NoReturn:
    """Runs the command line and exits with a code of the contract."""
    argv = sys.argv[1:] if argv is None else argv
    sys.exit(_exit_code(argv))


def _exit_code(argv: list[str]) -> int:
    debug = "--debug" in argv
    argv = [argument for argument in argv if argument != "--debug"]
    try:
        result: Any = app.main(args=argv, prog_name="gradtriage", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Abort:
        return INTERRUPTED
    except KeyboardInterrupt:
        return INTERRUPTED
    except click.ClickException as error:
        ctx = getattr(error, "ctx", None)
        click.echo(
            f"gradtriage: {error.format_message()} (see `{ctx.command_path if ctx else 'gradtriage'} --help`)", err=True
        )
        return 2
    except GradTriageError as error:
        if debug:
            raise
        say(f"gradtriage: {' '.join(str(error).split())}", err=True)  # one line, whatever a key or a path holds
        return error.exit_code
    except OSError as error:
        if debug:
            raise
        let_go()  # who reads us has gone, or the disk behind stdout is full; no second error at exit
        if not isinstance(error, BrokenPipeError):
            say(f"gradtriage: {error.filename or 'output'}: {error.strerror or error}", err=True)
        return 3
