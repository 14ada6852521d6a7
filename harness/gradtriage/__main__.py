"""`python -m gradtriage`: the same as the command."""

from gradtriage.cli import main

if __name__ == "__main__":
    main()
