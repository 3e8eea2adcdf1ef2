# SPDX-License-Identifier: Apache-2.0
"""Settings of the tests of the store. They need a driver, see driver.py, and a real etcd, see etcd.py."""
from driver import driver_path


def pytest_configure(config):
    config.addinivalue_line("markers", "shim: preloads the shim into the driver, which a sanitizer does not bear")
    config.addinivalue_line("markers", "slow: runs only if everything is asked for")


def pytest_report_header():
    return f"driver of the store under test: {driver_path()}"
