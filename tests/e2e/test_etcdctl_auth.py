# SPDX-License-Identifier: Apache-2.0
"""Users and roles by etcdctl, and what they may."""
import pytest

from server import kind_under_test

pytestmark = [pytest.mark.larder("memcached does not speak gRPC"), pytest.mark.slow]

DENIED = (1, "etcdserver: permission denied")
NO_NAME = (1, "etcdserver: user name is empty")
WRONG = (2, "etcdserver: authentication failed, invalid user ID or password")
ROOT_STAYS = (1, "etcdserver: invalid auth management")
# In front of a cluster, it is the cluster that knows users.
IS_ETCD = kind_under_test() in ("etcd", "near")


def enable(etcdctl):
    """etcdctl makes the role root and gives it to root by the way. It logs that its first try was refused."""
    done = etcdctl.run("auth", "enable")
    assert (done.returncode, done.stdout) == (0, "Authentication Enabled\n"), done
    assert "etcdserver: root user does not have root role" in done.stderr and "Error" not in done.stderr


@pytest.fixture
def root(etcdctl):
    """root of an empty server where one has to say who one is."""
    assert etcdctl("user", "add", "root:secret") == "User root created\n"
    enable(etcdctl)
    return etcdctl.as_user("root:secret")


@pytest.fixture
def someone(root):
    """Makes a user with one role with these permissions: each the words after the role's name."""
    def make(*permissions, name="someone"):
        root("role", "add", f"role-{name}")
        for kind, *key in permissions:
            assert root("role", "grant-permission", f"role-{name}", kind, *key) == f"Role role-{name} updated\n"
        assert root("user", "add", f"{name}:pw") == f"User {name} created\n"
        assert root("user", "grant-role", name, f"role-{name}") == f"Role role-{name} is granted to user {name}\n"
        return root.as_user(f"{name}:pw")
    return make


def test_users(etcdctl):
    assert etcdctl("user", "list") == ""
    assert etcdctl("user", "add", "u:pw") == "User u created\n"
    assert etcdctl("user", "add", "n", "--no-password") == "User n created\n"
    assert etcdctl("user", "add", "i", "--interactive=false", stdin="pw\n") == "User i created\n"
    assert etcdctl.fails("user", "add", "u:pw") == (1, "etcdserver: user name already exists")
    assert etcdctl("user", "list") == "i\nn\nu\n"
    assert etcdctl("user", "get", "u") == "User: u\nRoles:\n"
    assert etcdctl("user", "passwd", "u", "--interactive=false", stdin="other\n") == "Password updated\n"
    assert etcdctl("user", "delete", "n") == "User n deleted\n"
    assert etcdctl("user", "list") == "i\nu\n"


@pytest.mark.parametrize("words", [
    ("get", "nobody"), ("delete", "nobody"), ("grant-role", "nobody", "r"), ("revoke-role", "nobody", "r"),
])
def test_a_user_that_is_not_there(etcdctl, words):
    etcdctl("role", "add", "r")
    assert etcdctl.fails("user", *words) == (1, "etcdserver: user name not found")


def test_roles(etcdctl):
    assert etcdctl("role", "list") == ""
    assert etcdctl("role", "add", "r") == "Role r created\n"
    assert etcdctl.fails("role", "add", "r") == (1, "etcdserver: role name already exists")
    assert etcdctl("role", "get", "r") == "Role r\nKV Read:\nKV Write:\n"
    for words in (("read", "a"), ("readwrite", "b", "--prefix"), ("write", "c", "x"), ("write", "e", "--from-key")):
        assert etcdctl("role", "grant-permission", "r", *words) == "Role r updated\n"
    assert etcdctl("role", "get", "r") == (
        "Role r\nKV Read:\n\ta\n\t[b, c) (prefix b)\nKV Write:\n\t[b, c) (prefix b)\n\t[c, x)\n\t[e, <open ended>\n")
    assert etcdctl.plain("role", "get", "r", "-w", "json") == (
        '{"header":{"cluster_id":0,"member_id":0,"revision":1,"raft_term":0},"perm":[{"key":"YQ=="},'
        '{"permType":2,"key":"Yg==","range_end":"Yw=="},{"permType":1,"key":"Yw==","range_end":"eA=="},'
        '{"permType":1,"key":"ZQ==","range_end":"AA=="}]}\n')
    assert etcdctl("role", "revoke-permission", "r", "c", "x") == "Permission of range [c, x) is revoked from role r\n"
    assert etcdctl("role", "revoke-permission", "r", "e", "--from-key") == (
        "Permission of range [e, <open ended> is revoked from role r\n")
    assert etcdctl("role", "revoke-permission", "r", "b", "--prefix") == (
        "Permission of range [b, c) is revoked from role r\n")
    assert etcdctl("role", "revoke-permission", "r", "a") == "Permission of key a is revoked from role r\n"
    assert etcdctl("role", "get", "r") == "Role r\nKV Read:\nKV Write:\n"
    assert etcdctl("role", "add", "q") == "Role q created\n"
    assert etcdctl("role", "list") == "q\nr\n"
    assert etcdctl("role", "delete", "q") == "Role q deleted\n"


def test_a_permission_can_be_changed(etcdctl):
    etcdctl("role", "add", "r")
    etcdctl("role", "grant-permission", "r", "read", "a")
    etcdctl("role", "grant-permission", "r", "readwrite", "a")
    assert etcdctl("role", "get", "r") == "Role r\nKV Read:\n\ta\nKV Write:\n\ta\n"
    assert etcdctl.fails("role", "revoke-permission", "r", "b") == (
        1, "etcdserver: permission is not granted to the role")


@pytest.mark.parametrize("words", [
    ("get", "none"), ("delete", "none"), ("grant-permission", "none", "read", "a"), ("revoke-permission", "none", "a"),
])
def test_a_role_that_is_not_there(etcdctl, words):
    assert etcdctl.fails("role", *words) == (1, "etcdserver: role name not found")


def test_roles_of_users(etcdctl):
    etcdctl("user", "add", "u:pw")
    etcdctl("role", "add", "r")
    etcdctl("role", "add", "q")
    etcdctl("role", "grant-permission", "r", "read", "a")
    assert etcdctl.fails("user", "grant-role", "u", "none") == (1, "etcdserver: role name not found")
    for role in "rqr":
        assert etcdctl("user", "grant-role", "u", role) == f"Role {role} is granted to user u\n"
    assert etcdctl("user", "get", "u") == "User: u\nRoles: q r\n"
    assert etcdctl("user", "get", "u", "--detail") == (
        "User: u\n\nRole q\nKV Read:\nKV Write:\n\nRole r\nKV Read:\n\ta\nKV Write:\n")
    assert etcdctl("user", "revoke-role", "u", "q") == "Role q is revoked from user u\n"
    assert etcdctl.fails("user", "revoke-role", "u", "q") == (1, "etcdserver: role is not granted to the user")
    etcdctl("role", "delete", "r")
    assert etcdctl("user", "get", "u") == "User: u\nRoles:\n"


def test_it_takes_a_root_to_enable(etcdctl):
    assert etcdctl.fails("auth", "enable") == (1, "etcdserver: root user does not exist")
    assert etcdctl("auth", "disable") == "Authentication Disabled\n"
    etcdctl("user", "add", "root:secret")
    enable(etcdctl)
    assert etcdctl.as_user("root:secret")("user", "get", "root") == "User: root\nRoles: root\n"


def test_enabling_twice_and_disabling(root, etcdctl):
    assert root("auth", "enable") == "Authentication Enabled\n"
    assert etcdctl.fails("get", "a") == NO_NAME
    assert root("auth", "disable") == "Authentication Disabled\n"
    assert etcdctl("put", "a", "1") == "OK\n"


def test_nobody_may_nothing(root, etcdctl):
    for words in (("get", "a"), ("put", "a", "1"), ("del", "a"), ("user", "list"), ("role", "list"),
                  ("user", "get", "root"), ("auth", "disable")):
        assert etcdctl.fails(*words) == NO_NAME, words
    assert etcdctl("member", "list") != ""


def test_wrong_passwords(root, etcdctl):
    assert root("put", "a", "1") == "OK\n"
    assert etcdctl.as_user("root:wrong").fails("get", "a") == WRONG
    assert etcdctl.as_user("nobody:secret").fails("get", "a") == WRONG
    root("user", "passwd", "root", "--interactive=false", stdin="other\n")
    assert root.fails("get", "a") == WRONG
    assert etcdctl.as_user("root:other")("get", "a") == "a\n1\n"
    assert etcdctl("--user", "root", "--password", "other", "get", "a") == "a\n1\n"


def test_reading(root, someone):
    root("put", "a", "1")
    root("put", "b", "2")
    reader = someone(("read", "a"))
    assert reader("get", "a") == "a\n1\n"
    for words in (("get", "b"), ("get", "a", "b"), ("get", "a", "--prefix"), ("get", "", "--from-key"),
                  ("put", "a", "9"), ("del", "a"), ("put", "a", "9", "--prev-kv")):
        assert reader.fails(*words) == DENIED, words
    assert root("get", "a") == "a\n1\n"


def test_writing(root, someone):
    writer = someone(("write", "a"))
    assert writer("put", "a", "1") == "OK\n"
    assert writer.fails("get", "a") == DENIED
    assert writer.fails("put", "a", "2", "--prev-kv") == DENIED, "to see what was there is reading"
    assert writer.fails("del", "a", "--prev-kv") == DENIED
    assert writer.fails("put", "b", "1") == DENIED
    assert root("get", "a") == "a\n1\n"
    assert writer("del", "a") == "1\n"


def test_ranges(root, someone):
    user = someone(("readwrite", "b", "d"), ("readwrite", "p/", "--prefix"), ("read", "x", "--from-key"),
                   ("read", "d", "f"))
    for key in ("a", "b", "c", "d", "p/", "p/1", "p0", "x", "z"):
        root("put", key, key)
    assert user("get", "b", "d") == "b\nb\nc\nc\n"
    assert user("get", "b", "e") == "b\nb\nc\nc\nd\nd\n", "two permissions that touch are one range"
    assert user("get", "p/", "--prefix") == "p/\np/\np/1\np/1\n"
    assert user("get", "y", "--from-key") == "z\nz\n"
    assert user("del", "b", "d") == "2\n"
    for words in (("get", "a", "c"), ("get", "b", "g"), ("get", "p", "--prefix"), ("get", "w", "--from-key"),
                  ("put", "d", "1"), ("put", "p0", "1"), ("del", "b", "e"), ("put", "x", "1")):
        assert user.fails(*words) == DENIED, words


def test_transactions(root, someone):
    root("put", "a", "1")
    user = someone(("read", "a"), ("write", "b"))
    assert user("txn", stdin='value("a") = "1"\n\nput b 2\n\nget a\n\n') == "SUCCESS\n\nOK\n"
    assert user.fails("txn", stdin='value("b") = "2"\n\n\n\n') == DENIED, "to compare is reading"
    assert user.fails("txn", stdin='\nput a 2\n\n\n') == DENIED
    assert user.fails("txn", stdin='\nget a\n\nget b\n\n') == DENIED, "also what would not be done has to be allowed"


def test_watching(root, someone):
    user = someone(("read", "a"), ("read", "p/", "--prefix"))
    mine = user.start("watch", "a", "--rev=1")
    prefix = user.start("watch", "p/", "--prefix", "--rev=1")
    root("put", "a", "1")
    root("put", "p/1", "1")
    assert mine.lines(3) == ["PUT", "a", "1"]
    assert prefix.lines(3) == ["PUT", "p/1", "1"]
    for words in (("b",), ("a", "c"), ("p", "--prefix")):
        watch = user.start("watch", *words)
        assert watch.error_line() == (
            "watch was canceled (rpc error: code = PermissionDenied desc = etcdserver: permission denied)")
        assert watch.wait() == (5, "", "Error: watch is canceled by the server\n")


def test_leases(root, someone):
    user = someone(("readwrite", "a"))
    own = user("lease", "grant", 1000).split()[1]
    foreign = root("lease", "grant", 1000).split()[1]
    root("put", "secret", "1", f"--lease={foreign}")
    assert user("put", "a", "1", f"--lease={own}") == "OK\n"
    assert user.fails("put", "a", "1", f"--lease={foreign}") == DENIED, "it would take part in what happens to others"
    assert user.fails("lease", "revoke", foreign) == (1, "failed to revoke lease (etcdserver: permission denied)")
    if IS_ETCD:  # this release shows keys to everybody
        assert user("lease", "timetolive", foreign, "--keys").endswith("attached keys([secret])\n")
    else:
        assert user.fails("lease", "timetolive", foreign, "--keys") == (2, DENIED[1])
    assert user("lease", "timetolive", foreign).startswith(f"lease {foreign} granted with TTL(1000s), remaining(")
    assert user("lease", "revoke", own) == f"lease {own} revoked\n"
    assert root("get", "secret") == "secret\n1\n"


def test_what_root_alone_may(root, someone):
    user = someone(("readwrite", "", "--from-key"))
    assert user("put", "anything", "1") == "OK\n"
    for words in (("user", "list"), ("user", "add", "x:pw"), ("user", "get", "root"), ("user", "delete", "someone"),
                  ("user", "grant-role", "someone", "root"), ("user", "revoke-role", "someone", "role-someone"),
                  ("role", "list"), ("role", "add", "x"), ("role", "get", "root"), ("role", "delete", "role-someone"),
                  ("role", "grant-permission", "role-someone", "read", "a"),
                  ("role", "revoke-permission", "role-someone", "a"), ("auth", "disable")):
        assert user.fails(*words) == DENIED, words
    assert user("user", "get", "someone") == "User: someone\nRoles: role-someone\n"
    assert user("role", "get", "role-someone").startswith("Role role-someone\n")
    assert root("user", "list") == "root\nsomeone\n"


def test_care_of_the_node_is_roots(root, someone, tmp_path):
    user = someone(("readwrite", "", "--from-key"))
    denied = "rpc error: code = Unknown desc = auth: permission denied" if IS_ETCD else "etcdserver: permission denied"
    assert user.fails("endpoint", "hashkv") == (1, denied)
    assert user.run("defrag").returncode == 1
    assert user.run("snapshot", "save", tmp_path / "no").returncode == 5
    assert not (tmp_path / "no").exists()
    assert root("endpoint", "hashkv").startswith(root.endpoint)
    assert root.run("snapshot", "save", tmp_path / "yes").returncode == 0
    assert user("endpoint", "status").startswith(user.endpoint)
    assert user("member", "list") != ""


def test_root_stays_root(root):
    assert root.fails("role", "delete", "root") == ROOT_STAYS
    assert root.fails("user", "delete", "root") == ROOT_STAYS
    assert root.fails("user", "revoke-role", "root", "root") == ROOT_STAYS


def test_a_change_counts_at_once(root, someone):
    root("put", "a", "1")
    user = someone(("read", "a"))
    assert user("get", "a") == "a\n1\n"
    root("role", "revoke-permission", "role-someone", "a")
    assert user.fails("get", "a") == DENIED
    root("role", "grant-permission", "role-someone", "read", "a")
    assert user("get", "a") == "a\n1\n"
    root("user", "revoke-role", "someone", "role-someone")
    assert user.fails("get", "a") == DENIED
    root("user", "delete", "someone")
    assert user.fails("get", "a") == WRONG


def test_one_that_has_no_password(root):
    root("user", "add", "n", "--no-password")
    said = "rpc error: code = Unknown desc = auth: authentication failed, password was given for no password user"
    assert root.as_user("n:x").fails("get", "a") == ((2, said) if IS_ETCD else WRONG)
