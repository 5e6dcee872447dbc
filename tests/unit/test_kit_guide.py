"""The adapter guide's own code does what the guide says."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "adapter-guide.md"
BLOCK = re.compile(r"^```(?:python|toml)\n# (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TRY = ["-m", "pytest", "-o", "asyncio_mode=auto", "test_letterbox.py"]


def test_guide_example_passes_its_own_test_when_pasted(tmp_path: Path) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    blocks = BLOCK.findall(guide)
    assert [name for name, _ in blocks] == ["letterbox.py", "test_letterbox.py", "pyproject.toml"]
    for name, code in blocks:
        (tmp_path / name).write_text(code, encoding="utf-8")
    assert f"/python {' '.join(TRY)}\n" in guide
    command = [sys.executable, *TRY]
    run = subprocess.run(command, cwd=tmp_path, timeout=60, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 passed" in run.stdout


def test_guide_package_holds_the_class_that_its_entry_point_names() -> None:
    files = dict(BLOCK.findall(GUIDE.read_text(encoding="utf-8")))
    package = tomllib.loads(files["pyproject.toml"])
    entry = package["project"]["entry-points"]["amtsbote.adapters"]["letterbox"]
    module, _, name = entry.partition(":")
    assert module in package["tool"]["setuptools"]["py-modules"]
    assert f"class {name}(Adapter):" in files[f"{module}.py"]
