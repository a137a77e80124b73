"""A stage for each test: a tenant of its own with the faults it asks for."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from collector.simulator import Fault, Faults, Scenario, SimulatedTenant
from tests.end_to_end.stage import STORY, Stage

Staging = Callable[..., Stage]


@pytest.fixture
def staged(tmp_path: Path) -> Iterator[Staging]:
    """Make a stage: `faults`, `story` and what `SimulatedTenant` takes; the rest changes the engagement file."""
    with ExitStack() as open_tenants:

        def stage(
            *faults: Fault, story: Scenario = STORY, tenant: dict[str, Any] | None = None, **changes: Any
        ) -> Stage:
            served = SimulatedTenant(story, faults=Faults(faults), **(tenant or {}))
            folder = tmp_path / f"stage-{id(served)}"
            folder.mkdir()
            return Stage(open_tenants.enter_context(served), folder, changes)

        yield stage
