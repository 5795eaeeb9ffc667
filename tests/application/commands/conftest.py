import pytest

from tests.application.stage import Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()
