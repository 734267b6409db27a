"""fake-gcs-server, one for all tests, and a bucket on it for each."""

import pytest
from support.stores import gcs


@pytest.fixture(scope="session")
def fake_gcs(scratch):
    server = gcs.Server(scratch / "gcs")
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def gcs_store(fake_gcs):
    return gcs.new_store(fake_gcs)
