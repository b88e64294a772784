# SPDX-License-Identifier: Apache-2.0
"""What the boot tests share: where the guest's files are, and the words of a run."""
import os
from pathlib import Path

import pytest

from conftest import ROOT

GUEST = Path(os.environ.get("GUISE_GUEST", ROOT / "build/guest"))
IMAGE, INITRD = GUEST / "Image", GUEST / "initrd.cpio.gz"
PATIENCE = int(os.environ.get("GUISE_PATIENCE", "240"))
needs_guest = pytest.mark.skipif(not IMAGE.exists(), reason="no riscv64 kernel (tools/guest)")


def linux(command=None, append="console=ttyS0", **options):
    """The words of a run: options by their long names; a list repeats one, True is a flag."""
    words = []
    for name, value in options.items():
        for v in value if isinstance(value, list) else [value]:
            words += [f"--{name.replace('_', '-')}"] + ([] if v is True else [str(v)])
    if command:
        append += f' guise.run="{command}"'
    return [*words, "--initrd", INITRD, "--append", append, IMAGE]
