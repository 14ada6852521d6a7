"""The ledger (`fix_plan.md`): a page that people write by hand, and that commands edit without disturbing it."""
