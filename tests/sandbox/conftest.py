import pytest

from tests.sandbox.world import World, new_world


@pytest.fixture
def world(db: None) -> World:
    return new_world()
