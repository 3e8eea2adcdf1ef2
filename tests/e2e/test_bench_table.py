# SPDX-License-Identifier: Apache-2.0
"""larder bench table: etcd's page for any servers; what it says is what the servers have, and troubles are told."""
import json
import os
import signal
import stat
import subprocess
import xml.etree.ElementTree

import pytest

from etcdcluster import PASSWORD, USER, Cluster
from ports import free_port
from server import larderd_path, wait_until
from test_bench_etcd import DEADLINE, READY_DEADLINE, Etcd, Larderd, etcdctl, keys_below

pytestmark = [pytest.mark.larder("it starts servers of etcd's API itself"), pytest.mark.slow]

SCALE = 0.01
PUTS = [100, 1000, 1000]
READS = [100, 100, 1000, 1000]
SMALL = ("--scale", SCALE)
WRITE_TARGETS = ["leader only", "leader only", "all members"]
CONSISTENCIES = ["linearizable", "serializable"] * 2
FEW, MANY = (1, 1), (100, 1000)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    running = Cluster(tmp_path_factory.mktemp("cluster"))
    yield running
    running.stop()


@pytest.fixture
def start(tmp_path):
    running = []

    def begin(make, **options):
        running.append(make(tmp_path / f"server{len(running)}", **options))
        return running[-1]
    yield begin
    for each in running:
        each.stop()


def command(*arguments):
    larder = os.environ.get("LARDER", larderd_path().parent / "larder")
    return [str(larder), "bench", "table", *map(str, arguments)]


def table(*arguments):
    return subprocess.run(command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=DEADLINE, check=False)


def report(*arguments, code=0):
    done = table(*arguments, "--json")
    assert done.returncode == code, done.stderr
    assert code or done.stderr == b""
    return json.loads(done.stdout)


def rows_of(whole):
    return whole["writes"] + whole["reads"]


def states(whole, side=0):
    return [row["results"][side]["state"] for row in rows_of(whole)]


def check_result(result, requests):
    assert (result["state"], result["requests"], result["errors"], result["wrong"]) == ("measured", requests, 0, 0)
    assert result["requests_per_second"] == pytest.approx(requests / result["seconds"])
    latency = result["latency_us"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["max"]
    assert 0 < latency["mean"] <= latency["max"]
    assert result["client_cpu_us_per_request"] > 0


def check_rows(whole, sides):
    """All rows of the page, each with a result of each side."""
    assert whole["complete"] and whole["scale"] == SCALE
    assert [row["keys"] for row in whole["writes"]] == PUTS
    assert [row["target"] for row in whole["writes"]] == WRITE_TARGETS
    assert [(row["conns"], row["clients"]) for row in whole["writes"]] == [FEW, MANY, MANY]
    assert [row["requests"] for row in whole["reads"]] == READS
    assert [row["consistency"] for row in whole["reads"]] == CONSISTENCIES
    assert [(row["conns"], row["clients"]) for row in whole["reads"]] == [FEW, FEW, MANY, MANY]
    for row, requests in zip(rows_of(whole), PUTS + READS):
        assert (row["key_size"], row["value_size"]) == (8, 256)
        assert [result["server"] for result in row["results"]] == ["A", "B"][:sides]
        for result in row["results"]:
            check_result(result, requests)


def revision(server):
    return int(json.loads(etcdctl(server, "get", "x", "-w", "json"))["header"]["revision"])


@pytest.mark.parametrize("make", [lambda place: Etcd(place).wait_until_ready(), Larderd], ids=["etcd", "larderd"])
def test_the_page_of_one_server(start, make):
    server = start(make)
    before = revision(server)
    whole = report("--endpoints", server.endpoint, *SMALL)
    check_rows(whole, 1)
    assert revision(server) == before + sum(PUTS)
    assert keys_below(server, "lb/") == [f"lb/{number:05}" for number in range(1000)]
    value = etcdctl(server, "get", "lb/00999", "--print-value-only").rstrip("\n")
    assert len(value) == 256
    side, = whole["servers"]
    assert side["endpoints"] == [server.endpoint] and side["pids"] == [server.pid] and side["version"]
    assert all(memory > 2 ** 20 for row in rows_of(whole) for memory in row["results"][0]["server_rss_bytes"])


def test_the_page_of_a_cluster(cluster):
    places = list(cluster.members)
    before = cluster.wait_same_revision()
    whole = report("--endpoints", cluster.endpoints(), *SMALL)
    check_rows(whole, 1)
    assert cluster.wait_same_revision() == before + sum(PUTS)
    assert [cluster.count_keys(place, "lb/") for place in places] == [1000] * 3
    assert whole["servers"][0]["pids"] == [cluster.members[place].pid for place in places]
    assert all(len(row["results"][0]["server_rss_bytes"]) == 3 for row in rows_of(whole))


def test_two_sets_side_by_side_in_text_and_as_a_picture(cluster, start, tmp_path):
    rival = start(Larderd)
    before = revision(rival)
    picture = tmp_path / "table.svg"
    done = table("--endpoints", cluster.endpoints(), "--vs", rival.endpoint, *SMALL, "--plot", picture)
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode()
    assert text.count("A/B") == len(PUTS + READS) and "no result" not in text
    assert text.startswith("A: " + cluster.endpoints().replace(",", ", "))
    for word in ("leader only", "all members", "linearizable", "serializable", "RSS of each server", "mean latency"):
        assert word in text
    assert revision(rival) == before + sum(PUTS)
    drawn = xml.etree.ElementTree.parse(picture).getroot()
    assert drawn.tag == SVG + "svg"
    # Both figures of each row on each side, and a dot of each side in the legend.
    assert len(drawn.findall(SVG + "circle")) == 2 * 2 * len(PUTS + READS) + 2
    words = [each.text for each in drawn.iter(SVG + "text")]
    assert sum(word.endswith(" ms") for word in words) == 2 * len(PUTS + READS)
    assert any(rival.endpoint in word for word in words)


@pytest.mark.long
def test_ratios_are_those_of_the_figures(cluster, start):
    rival = start(lambda place: Etcd(place).wait_until_ready())
    whole = report("--endpoints", cluster.endpoints(), "--vs", rival.endpoint, *SMALL)
    check_rows(whole, 2)
    for row in rows_of(whole):
        own, other = row["results"]
        ratios = row["ratios"]
        assert ratios["requests_per_second"] == pytest.approx(
            own["requests_per_second"] / other["requests_per_second"], rel=1e-3)
        assert ratios["mean_latency"] == pytest.approx(own["latency_us"]["mean"] / other["latency_us"]["mean"], rel=1e-3)


def test_one_table_alone(start):
    server = start(Larderd)
    arguments = ("--endpoints", server.endpoint, *SMALL, "--key-prefix", "other/", "--threads", 2)
    whole = report(*arguments, "--only", "writes")
    assert len(whole["writes"]) == 3 and whole["reads"] == [] and whole["complete"]
    assert whole["writes"][0]["key_size"] == len("other/00000")
    before = revision(server)
    whole = report(*arguments, "--only", "reads", "--seed", 7)
    assert len(whole["reads"]) == 4 and whole["writes"] == [] and whole["complete"]
    assert revision(server) == before


def test_a_user_who_may_write_below_the_prefix(start):
    cluster = start(Cluster, auth=True, prefix="lb/")
    endpoints = cluster.endpoints()
    whole = report("--endpoints", endpoints, *SMALL, "--user", f"{USER}:{PASSWORD}")
    check_rows(whole, 1)
    whole = report("--endpoints", endpoints, *SMALL, code=1)
    assert not whole["complete"]
    first = whole["writes"][0]["results"][0]
    assert first["state"] == "errors" and first["errors"] == first["requests"] == PUTS[0]
    assert "user name is empty" in first["first_error"] and "requests_per_second" not in first
    done = table("--endpoints", endpoints, *SMALL, "--user", f"{USER}:wrong")
    assert done.returncode == 1 and b"cannot log in" in done.stderr


# --- troubles ---

def test_reads_need_their_keys(start):
    server = start(Larderd)
    done = table("--endpoints", server.endpoint, *SMALL, "--only", "reads")
    assert done.returncode == 1
    assert b"below lb/ there are 0 keys of the table, and reads need exactly 1000" in done.stderr
    assert done.stdout.count(b"no result") == 4


def test_values_of_another_size_are_no_result(start):
    """Of those of some keys."""
    server = start(Larderd)
    report("--endpoints", server.endpoint, *SMALL, "--only", "writes")
    done = subprocess.run([*command()[:2], "put", "--endpoints", server.endpoint, "--key-prefix", "lb/", "--key-size", "5",
                           "--key-space-size", "1000", "--total", "300", "--val-size", "10", "--sequential-keys"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=DEADLINE, check=False)
    assert done.returncode == 0
    whole = report("--endpoints", server.endpoint, *SMALL, "--only", "reads", code=1)
    assert states(whole) == ["errors"] * 4
    last = whole["reads"][-1]["results"][0]
    assert last["wrong"] > 0 and "of another size" in last["first_wrong"] and "requests_per_second" not in last


def test_nobody_listens(start, tmp_path):
    port = free_port()
    done = table("--endpoints", f"127.0.0.1:{port}", "--plot", tmp_path / "x.svg")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"no server of etcd's API answers" in done.stderr
    server = start(Larderd)
    done = table("--endpoints", server.endpoint, "--vs", f"127.0.0.1:{port}")
    assert (done.returncode, done.stdout) == (1, b"") and revision(server) == 1


def test_a_follower_alone_is_not_enough(cluster):
    done = table("--endpoints", cluster.endpoints(cluster.follower()), *SMALL)
    assert done.returncode == 1 and b"none of the endpoints is the leader" in done.stderr


@pytest.mark.parametrize("number,said", [(signal.SIGKILL, b"has closed a connection"),
                                         pytest.param(signal.SIGSTOP, b"nothing came for", marks=pytest.mark.long)])
def test_a_server_that_goes_away_in_the_middle(start, number, said, tmp_path):
    """Its rows that were not measured are no results; the other side is measured to the end."""
    server = start(lambda place: Etcd(place).wait_until_ready())
    other = start(Larderd)
    picture = tmp_path / "table.svg"
    process = subprocess.Popen(command("--endpoints", server.endpoint, "--vs", other.endpoint, "--json", "--timeout", 1,
                                       "--scale", 0.2, "--plot", picture),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: keys_below(server, "lb/00"), READY_DEADLINE, "puts arrive")
    server.signal(number)
    stdout, stderr = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1 and said in stderr
    whole = json.loads(stdout)
    mine = states(whole)
    failed = mine.index("failed")
    assert mine == ["measured"] * failed + ["failed"] + ["not run"] * (len(mine) - failed - 1)
    assert states(whole, 1) == ["measured"] * 7 and not whole["complete"]
    assert all(("ratios" in row) == (state == "measured") for row, state in zip(rows_of(whole), mine))
    words = [each.text for each in xml.etree.ElementTree.parse(picture).getroot().iter(SVG + "text")]
    assert words.count("no result (failed)") == 2


@pytest.mark.parametrize("arguments", [("word",), ("--scale", "0"), ("--scale", "2"), ("--scale", "x"), ("--only", "x"),
                                       ("--key-prefix", ""), ("--endpoints", "https://127.0.0.1:1"), ("--user", "x"),
                                       ("--endpoints", ""), ("--threads", "0"), ("--plot", "/nowhere/x.svg")])
def test_arguments_that_make_no_sense(arguments):
    done = table(*arguments)
    assert (done.returncode, done.stdout) == (2, b"") and done.stderr.startswith(b"larder bench table: ")


def test_it_explains_itself():
    done = table("--help")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.split(b"examples:\n")[1].count(b"  larder bench table ") == 2


def test_a_full_disk_is_told(start):
    if not stat.S_ISCHR(os.stat("/dev/full").st_mode):
        raise AssertionError("there is no /dev/full")
    server = start(Larderd)
    done = table("--endpoints", server.endpoint, *SMALL, "--plot", "/dev/full")
    assert done.returncode == 1 and b"/dev/full: No space left on device" in done.stderr
