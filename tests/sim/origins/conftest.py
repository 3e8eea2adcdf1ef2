# SPDX-License-Identifier: Apache-2.0
"""Settings of the mutations' tests."""


def pytest_configure(config):
    config.addinivalue_line("markers", "long: runs only if everything is asked for")
