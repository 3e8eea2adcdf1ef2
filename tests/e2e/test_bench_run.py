# SPDX-License-Identifier: Apache-2.0
"""bench/run, the comparison with rivals: it measures, judges, and writes its section of a document."""
import json
import os
import pathlib
import subprocess

import pytest

from server import MEMCACHED, REPOSITORY, larderd_path

DEADLINE = 120

pytestmark = [pytest.mark.slow, pytest.mark.larder("it starts both servers itself")]


def larder_path():
    return os.environ.get("LARDER", larderd_path().parent / "larder")


def bench_run(*arguments, program="run"):
    return subprocess.run([str(REPOSITORY / "bench" / program), "--larderd", str(larderd_path()), "--larder",
                           str(larder_path()), "--memcached", MEMCACHED, *map(str, arguments)],
                          stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE, check=False)


def resident_row(figure):
    ratio = {"median": figure / 4, "min": figure / 4, "max": figure / 4}
    return {"row": 7, "what": "an idle node", "rival": "memcached", "judged": "value", "limit": 16,
            "met": figure <= 16, "unit": "MiB", "own": figure, "other": 4, "ratio": ratio}


def put_row(number):
    def part(own, other, unit):
        ratio = {"median": own / other, "min": own / other, "max": own / other}
        return {"unit": unit, "own": own, "other": other, "ratio": ratio}
    return {"row": number, "what": "durable put", "rival": "etcd", "judged": "ratio", "limit": 3, "met": True,
            **part(80000, 20000, "puts/s"), "syncs": part(12, 24, "syncs/1,000 puts"),
            **{name: part(5, 10, "us") for name in ("p50", "p99")}}


def start_row(number):
    return {"row": number, "what": "start", "rival": None, "judged": "value", "limit": 3, "met": True, "unit": "s",
            "own": 1.5, "warm": 1.25, "resident_mib": 90, "file_mib": 200}


def grpc_row(number):
    """As it stands for a rate; memory has the pages of files beside it."""
    row = {key: value for key, value in put_row(number).items() if key != "syncs"}
    row["cpu"] = dict(row["p50"], unit="us CPU/request")
    return row if number != 23 else {**resident_row(2.5), "row": 23, "file": {"unit": "MiB", "own": 3.5, "other": 7}}


def client_row(number):
    half = {"median": 0.5, "min": 0.5, "max": 0.5}
    return {**grpc_row(number), "h2load": {"unit": "us CPU/request", "own": 20, "other": 40, "ratio": half}}


def failover_row(number):
    return {"row": number, "what": "fail-over", "rival": None, "judged": "value", "limit": 500, "met": True,
            "unit": "ms", "own": 120, "median_gap": 60, "kills": 10}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The result of one quick row."""
    if os.environ.get("TEST_SANITIZER") == "tsan":
        pytest.skip("ThreadSanitizer's own memory never settles; the release build is what is measured")
    path = tmp_path_factory.mktemp("measured") / "result.json"
    done = bench_run("--quick", "--rows", "7", "--json", path)
    assert done.returncode == 0, done.stderr
    return done, json.loads(path.read_text())


def test_a_row_is_measured_and_judged(measured):
    done, whole = measured
    row, = whole["rows"]
    assert row["row"] == 7
    assert row["met"] == (row["own"] <= 16)
    assert row["own"] > 0 and row["other"] > 0
    assert row["ratio"]["min"] <= row["ratio"]["median"] <= row["ratio"]["max"]
    for text in (b"memcached 1.", b"kernel ", b"load average at the start", b"stolen by the host", b"resident memory"):
        assert text in done.stdout
    assert (b"warning: " in done.stderr) == (whole["conditions"]["load_average"] > 0.5)


def all_rows():
    return [*(dict(resident_row(figure), row=number + 1) for number, figure in enumerate([2.5, 17, 3, 4, 5, 6, 7, 8])),
            put_row(9), put_row(10), put_row(11), dict(resident_row(2.5), row=12), start_row(13),
            dict(resident_row(2.5), row=14), *map(grpc_row, range(15, 24)), *map(client_row, (24, 25)), grpc_row(26),
            failover_row(27), *(dict(resident_row(2.5), row=number) for number in range(28, 56))]


def test_a_result_is_written_into_its_section(measured, tmp_path):
    _, whole = measured
    source, document = tmp_path / "all.json", tmp_path / "page.md"
    source.write_text(json.dumps({**whole, "quick": False, "rows": all_rows()}))
    document.write_text("before\n<!-- side-by-side -->\nold\n<!-- /side-by-side -->\nafter\n")
    for _ in range(2):  # the second time over its own section
        assert bench_run("--from", source, "--markdown", document).returncode == 0
        text = document.read_text()
        assert text.startswith("before\n<!-- side-by-side -->\n54 of 55 rows met; MISSED: row 2.\n")
        assert text.endswith("\n<!-- /side-by-side -->\nafter\n")
        assert "old" not in text
        for line in (
                "| 2 | an idle node | 17.00 MiB | memcached: 4.00 MiB | 4.250 (4.250-4.250) | up to 0.09 "
                "| **missed** |",
                "| 9 | durable put | 80,000 puts/s | etcd: 20,000 puts/s | 4.000 (4.000-4.000) | 3 or more | met |",
                "| 10 | p99 | 5.00 | 10.00 | 0.500 (0.500-0.500) |  |",
                "| 18 | cpu | 5.00 | 10.00 | 0.500 (0.500-0.500) |",
                "- Row 23: memory of files 3.50 MiB, 7.00 MiB.",
                "| 9 | syncs | 12.00 | 24.00 | 0.500 (0.500-0.500) |",
                "| 13 | start | 1.50 s |  |  | under 3 s | met |",
                "- Row 13: file in the page cache 1.25 s; resident memory then 90.00 MiB; files 200.0 MiB.",
                "- Row 25: against h2load 20.00 us CPU, 40.00 us CPU (ratio 0.500 (0.500-0.500)).",
                "| 27 | fail-over | 120.0 ms |  |  | up to 500 ms | met |",
                "- Row 27: median of 10 kills 60.00 ms."):
            assert line + "\n" in text


def test_a_document_without_the_section_is_left_alone(measured, tmp_path):
    _, whole = measured
    source, document = tmp_path / "all.json", tmp_path / "page.md"
    source.write_text(json.dumps({**whole, "quick": False, "rows": all_rows()}))
    document.write_text("no section\n")
    done = bench_run("--from", source, "--markdown", document)
    assert (done.returncode, document.read_text()) == (1, "no section\n")
    assert b"has no section" in done.stderr


@pytest.mark.parametrize("arguments", [("--rows", "1000"), ("--rounds", "0"), ("--quick", "--markdown"), ("--nonsense",)])
def test_senseless_arguments_are_told_apart_from_failures(arguments):
    done = bench_run(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")


@pytest.fixture
def etcd_twice(monkeypatch, tmp_path):
    """measure(number) of a row about etcd's API, with an etcd in larderd's place too: the measuring is tested."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "bench"))
    from side_by_side import etcd_api, main, measure, rows, server
    monkeypatch.setitem(etcd_api.STARTS, server.LARDERD, etcd_api.etcd)
    monkeypatch.setattr(etcd_api, "WATCHERS", 2000)
    monkeypatch.setattr(etcd_api, "KEYS", 2000)
    monkeypatch.setattr(etcd_api, "HOLD", "100ms")
    cpus = sorted(os.sched_getaffinity(0))
    place = server.Place(larderd_path(), pathlib.Path(larder_path()), MEMCACHED, cpus[0], cpus[-1], tmp_path)

    def measure_row(number):
        row, = (row for row in rows.ROWS if row.number == number)
        return measure.measure(row, place, main.Settings(1, 1000, 50), lambda: None)
    return measure_row


@pytest.mark.parametrize("number", [15, 18, 23, *(pytest.param(number, marks=pytest.mark.long)
                                                   for number in (16, 17, 19, 20, 21, 22))])
def test_rows_of_etcds_api_are_measured(etcd_twice, number):
    result = etcd_twice(number)
    assert result["row"] == number
    assert result["own"] != 0 and result["other"] != 0
    if number < 22:
        assert result["p50"]["own"] > 0 and result["p99"]["other"] > 0
        assert ("cpu" in result) == (number in (18, 19, 20)) and ("rate" in result) == (number in (15, 16, 17, 21))
    if number == 23:
        assert result["file"]["own"] > 0 and result["file"]["other"] > 0


@pytest.fixture
def measure_cluster_row(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(REPOSITORY / "bench"))
    from side_by_side import main, measure, rows, server
    cpus = sorted(os.sched_getaffinity(0))
    place = server.Place(larderd_path(), pathlib.Path(larder_path()), MEMCACHED, cpus[0], cpus[-1], tmp_path)

    def measure_row(number):
        row, = (row for row in rows.ROWS if row.number == number)
        return measure.measure(row, place, main.Settings(1, 1000 if number > 27 else 200, 50), lambda: None)
    return measure_row


@pytest.mark.parametrize("number", [pytest.param(24, marks=pytest.mark.long), pytest.param(25, marks=pytest.mark.long)])
def test_the_client_of_a_cluster_is_measured_beside_etcds_own(measure_cluster_row, number):
    result = measure_cluster_row(number)
    assert result["own"] > 0 and result["other"] > 0 and result["h2load"]["other"] > 0
    assert result["p50"]["own"] > 0 and result["p50"]["other"] > 0


def test_a_node_in_front_of_etcd_is_measured(measure_cluster_row):
    result = measure_cluster_row(26)
    assert result["unit"] == "us" and result["own"] > 0 and result["other"] > 0
    assert result["single"]["own"] > 0 and result["single"]["other"] > 0


@pytest.mark.parametrize("number", [29, *(pytest.param(number, marks=pytest.mark.long)
                                          for number in (28, 30, 31, 32, 33, 34, 35, 37))])
def test_rows_about_a_node_in_front_of_a_cluster_are_measured(measure_cluster_row, number):
    result = measure_cluster_row(number)
    assert result["row"] == number and result["own"] > 0
    if number == 35:
        assert 0 < result["p50_ms"] <= result["own"] <= result["max_ms"] and result["samples"] >= 50
    else:
        assert result["other"] > 0 and result["ratio"]["median"] > 0


@pytest.mark.parametrize("number", [44, *(pytest.param(number, marks=pytest.mark.long) for number in range(45, 49))])
def test_rows_about_origins_are_measured(measure_cluster_row, monkeypatch, number):
    from side_by_side import origin_rows, rivals
    if number == 45 and not (rivals.find("nginx") and rivals.find("varnishd")):
        pytest.skip("there is no nginx or no varnishd; scripts/setup bench installs them")
    for name, count in (("COLD_CLIENTS", 100), ("HIT_KEYS", 50), ("ZIPF_KEYS", 200), ("DEATH_KEYS", 40),
                        ("SETTLE_SECONDS", 0)):
        monkeypatch.setattr(origin_rows, name, count)
    result = measure_cluster_row(number)
    assert result["row"] == number and result["own"] > 0 and result["more"]
    told = {part["name"]: part["own"] for part in result["more"]}
    if number == 44:
        assert result["own"] >= origin_rows.COLD_DELAY_MS
        assert result["met"] == (result["own"] <= 260) and set(told.values()) >= {1}
    elif number == 48:
        assert told["requests that failed"] == 0 and told["times each key was asked for"] >= 2
    else:
        assert result["other"] > 0 and result["ratio"]["median"] > 0
    if number == 45:
        assert {result["rival"], result["more"][0]["name"].removeprefix("against ")} == {"nginx's proxy_cache", "Varnish"}


@pytest.mark.parametrize("number", [pytest.param(number, marks=pytest.mark.long) for number in range(49, 53)])
def test_rows_about_the_library_are_measured(measure_cluster_row, number):
    result = measure_cluster_row(number)
    assert result["own"] > 0
    assert number == 51 or (result["other"] > 0 and result["ratio"]["median"] > 0)
    assert number == 52 or result["more"][0]["own"] > 0


@pytest.mark.parametrize("number", [pytest.param(number, marks=pytest.mark.long) for number in (53, 54, 55)])
def test_rows_about_traces_of_the_node_are_measured(measure_cluster_row, number):
    result = measure_cluster_row(number)
    assert result["own"] > 0 and result["other"] > 0 and result["p50"]["own"] > 0


def test_members_are_killed_and_the_gap_is_measured(measure_cluster_row):
    result = measure_cluster_row(27)
    assert result["kills"] == 2 and 0 < result["median_gap"] <= result["own"] and "other" not in result


@pytest.mark.long
def test_etcds_table_is_written_into_its_section(tmp_path):
    document, source, picture = tmp_path / "page.md", tmp_path / "table.json", tmp_path / "table.svg"
    document.write_text("<!-- etcd-table -->\n<!-- /etcd-table -->\n")
    done = bench_run("--scale", "0.01", "--data", tmp_path / "data", "--json", source, "--markdown", document, "--plot",
                     picture, program="table")
    assert done.returncode == 0, done.stderr
    text = document.read_text()
    assert text.count("| etcd, three members |") == text.count("| larderd, one node |") == 7
    assert text.count("| 1,000 | 8 | 256 | 100 | 1,000 | all members |") == 2
    assert picture.read_text().endswith("</svg>\n")
    document.write_text("<!-- etcd-table -->\n<!-- /etcd-table -->\n")
    assert bench_run("--from", source, "--markdown", document, program="table").returncode == 0
    assert document.read_text() == text


def test_the_load_test_of_a_service_is_written_into_its_section(tmp_path):
    document, source = tmp_path / "page.md", tmp_path / "service.json"
    document.write_text("<!-- service -->\n<!-- /service -->\n")
    done = bench_run("--time", "0.2", "--data", tmp_path / "data", "--json", source, "--markdown", document,
                     program="service")
    assert done.returncode == 0, done.stderr
    report = json.loads(source.read_text())["report"]
    text = document.read_text()
    assert (report["stale"], report["foreign"], report["fails"]) == (0, 0, 0)
    assert f"{report['checked']:,} answers checked, 0 stale, 0 foreign" in text
    for name in ("DELETE", "PUT", "GET use_cache=false", "GET use_cache=true", "all"):
        assert f"| {name} | {report['routes'][name]['requests']:,} | 0 |" in text


def test_a_missing_program_is_a_failure():
    done = bench_run("--rows", "7", "--larder", "/nowhere/larder")
    assert done.returncode == 1
    assert b"there is no /nowhere/larder" in done.stderr


def simulated(rate):
    """A report of `larder simulate`, as far as it is read."""
    latency = dict.fromkeys(("mean", "p50", "p90", "p99", "p99.9", "max"), 0.5)
    weather = {"failovers": 1, "failover_max_ms": 321.0, "retries": 2, "repeated": 1, "unknown": 0}
    return {"operations_per_second": rate, "seconds": 100 / rate, "cpu_us_per_operation": 9.5, "wrong": 0,
            "latency_ms": dict.fromkeys(("CREATE", "RETRIEVE", "DELETE"), latency), "weather": weather,
            "members": [{"keys": 22}] * 3}


def test_the_experiment_beside_mariadb_is_written_into_its_section(measured, tmp_path):
    def way(what, own, other):
        ratio = own / other
        return {"what": what, "met": ratio >= 2, "unit": "operations/s", "own": own, "other": other,
                "ratio": {"median": ratio, "min": ratio, "max": ratio}}
    other = {"settings": {"version": "10", "log_bin": "0"}}
    runs = {clients: {"own": simulated(rate), "other": other} for clients, rate in (("1", 300), ("100", 5000))}
    whole = {"conditions": measured[1]["conditions"], "rounds": [{"runs": runs, "death": simulated(250)}],
             "plan": {"iterations": 100, "seed": 123, "create": 40, "retrieve": 42, "delete": 18, "keys": 22},
             "ways": [way("one after the other", 300, 1000), way("many in flight", 5000, 2000)]}
    document, source = tmp_path / "page.md", tmp_path / "simulate.json"
    source.write_text(json.dumps(whole))
    document.write_text("<!-- simulate -->\nold\n<!-- /simulate -->\n")
    done = bench_run("--from", source, "--markdown", document, program="simulate")
    assert done.returncode == 0, done.stderr
    text = document.read_text()
    assert "| one after the other | 300.0 /s | 1,000 /s | 0.300 (0.300-0.300) | 2 or more | **missed** |" in text
    assert "| many in flight | 5,000 /s | 2,000 /s | 2.500 (2.500-2.500) | 2 or more | met |" in text
    assert "| 1 | 0.4 | 250.0 | 1 | 321 | 2 | 1 | 0 | 0 | 22, 22, 22 |" in text
    assert "old" not in text and "100 operations of seed 123: 40 CREATE, 42 RETRIEVE, 18 DELETE" in text
