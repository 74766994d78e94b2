from collections.abc import Iterator

import pytest
from tests import user as users
from tests.user import User


@pytest.fixture
def user() -> Iterator[User]:
    """One whose cgroups are nobody's but root's."""
    yield from users.made(delegated=False)
