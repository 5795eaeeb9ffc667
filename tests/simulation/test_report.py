"""What a run tells at its end beside its figures."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from simulation.report import print_report
from tests.simulation.test_outcome import outcome


@pytest.mark.parametrize(("offers", "late", "told"), [(2, 1, True), (100, 4, False), (0, 0, False)])
def test_a_machine_that_could_not_keep_up_is_told(offers: int, late: int, *, told: bool) -> None:
    ran = outcome(completed=1)
    ran.topics["order.driver_offered"] = offers
    page = StringIO()
    print_report(Console(file=page, width=130), replace(ran, counts={"answers too late": late}))
    assert ("could not keep up" in page.getvalue()) is told
