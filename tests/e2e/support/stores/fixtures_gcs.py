"""fake-gcs-server, one for all tests, and a bucket on it for each."""

import pytest
from support.stores.gcs import FakeGcs, GcsStore


@pytest.fixture(scope="session")
def fake_gcs(scratch):
    server = FakeGcs(scratch / "gcs")
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def gcs_store(fake_gcs):
    return GcsStore.make(fake_gcs)
