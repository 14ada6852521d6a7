"""Ledgers as people lay them out, and evidence for their items."""

import json
from pathlib import Path

CONTRACT = """\
# Fix plan

| id | title | priority | status |
|---|---|---|---|
| [FLOW-001](#flow-001-gradients-vanish) | Gradients vanish | P1 | in_progress |

## [FLOW-001] Gradients vanish

- Status: in_progress
- Priority: P1

### Attempts

- #1 20251015T052020Z: reproduced, six gradients zero
"""

# other fields, a remark behind the status, attempts nested in a list, oldest first, with lines of their own
NESTED = """\
# Fix Plan Ledger

**Last Updated:** 2025-12-28

## Index
| ID | Title | Priority | Status |
| --- | --- | --- | --- |
| [HYGIENE-002](#hygiene-002-restore-the-kernel) | Restore the kernel | Medium | done (archived) |

---

## [HYGIENE-002] Restore the kernel
- Spec/AT: `docs/x.xml` & a | bar
- Priority: Medium
- Status: done (archived)
- Reproduction (C & PyTorch):
  * C: `git show`
- Attempts History:
  * [2025-09-30] Attempt #1 — Result: partial. Removed a folder.
    Metrics: n/a
  * [2025-10-07] Attempt #2 — Result: success.
    Metrics: 4/4

    A paragraph of the second attempt.
- Risks/Assumptions: none
- Exit Criteria:
  * all

---
"""

# no index, plain headings, stars, oldest first, Windows line ends, no line end at the end
STARS = (
    "Fix plan\r\n========\r\n\r\n### BUG-7: the loss is NaN\r\n\r\n* **Status:** open\r\n* **Owner:** me\r\n\r\n"
    "#### Attempts\r\n\r\n* 2026-01-03 #3: looked\r\n* 2026-01-04 #4: looked again"
)

# no numbers, and no dates either
BARE = "## [X-1] Something\n\nStatus: open\n\n### Attempts\n\n+ tried this\n+ tried that\n\nSome prose.\n"

LAYOUTS = {"contract": CONTRACT, "nested": NESTED, "stars": STARS, "bare": BARE}
ITEMS = {"contract": "FLOW-001", "nested": "HYGIENE-002", "stars": "BUG-7", "bare": "X-1"}


def fake_evidence(folder: Path) -> Path:
    """Looks like a sealed folder to whoever does not read it."""
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({}))
    (folder / "summary.md").write_text("# Summary\n")
    return folder
