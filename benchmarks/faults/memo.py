"""What a mutant with the operator `memo` keeps from its first call on; emptied before each evaluation."""

VALUES: dict[str, object] = {}
