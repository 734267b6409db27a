"""Azurite for all tests, over http and over https."""

import pytest
from support.stores.azure import SecureServer, Server


def running(server):
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="session")
def azurite(scratch):
    yield from running(Server(scratch / "azurite-http"))


@pytest.fixture(scope="session")
def secure_azurite(scratch):
    yield from running(SecureServer(scratch / "azurite-https"))
