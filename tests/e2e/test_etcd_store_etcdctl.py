# SPDX-License-Identifier: Apache-2.0
"""etcd's API of a node whose store is an etcd cluster: etcdctl finds there what it finds at etcd itself."""
import pytest

from test_etcdctl_kv import *  # noqa: F401,F403
from test_etcdctl_lease import *  # noqa: F401,F403
from test_etcdctl_lock import *  # noqa: F401,F403
from test_etcdctl_txn import *  # noqa: F401,F403
from test_etcdctl_watch import *  # noqa: F401,F403
# What differs takes the place of its namesake.
from test_etcd_store_api import etcd_node, test_compaction, test_progress_is_told_on_request  # noqa: F401

pytestmark = [pytest.mark.larder("memcached speaks no gRPC"), pytest.mark.long]
