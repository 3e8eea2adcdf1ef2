# SPDX-License-Identifier: Apache-2.0
"""Damaged files, full disks, a second process, a newer format: a clear error each, never a crash, and reads go on."""
import ctypes
import random
import resource
import shutil
import signal
import struct

import pytest

from driver import Driver
from lives import Lives, Load, demand, shim_environment
from model import keys_of

WHOLE = {"key": b"\x00", "range_end": b"\x00"}
DAMAGES = 150
WRITES = 900
PAGE = 4096
NAMES = ["data.mdb", "journal"]
KILO = 1 << 10
FORMAT = 2  # of what the store under test writes
JOURNAL_MAGIC = 0x6C616E72756F4A4C
# How a store that notices may end a call.
TROUBLE = {"OK", "DAMAGED", "IO", "NO_SPACE"}


def put(driver, key, value, **options):
    return driver.ask("put", key=key, value=value, **options)["status"]


def whole(driver):
    answer = driver.ask("range", **WHOLE)
    assert answer["status"] == "OK", answer
    return keys_of(answer)


def refusal(directory, stderr=None):
    """Why a store cannot be opened. The program ends with an error of its own, not by a signal."""
    driver = Driver(directory, stderr=stderr)
    assert not driver.ready, "it opens"
    _, status = driver.await_end()
    assert status == 1, f"the driver ended with {status}: {driver.stderr()}"
    assert str(directory) in driver.opened["why"]
    return driver.opened["why"]


# --- damage ---

@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Two stores: one that was closed, so that all is in LMDB, and one that was killed, so that the last writes are in the
    journal alone, one write in each entry. Of the second the last write may be lost with the last entry."""
    where = tmp_path_factory.mktemp("stores")
    closed = Lives(where / "closed", 1, value_size=6000, history=0)
    with closed.start() as driver:
        Load(closed, driver, 50).run(WRITES)
    killed = Lives(where / "killed", 2, value_size=6000, history=0)
    driver = killed.start()
    Load(killed, driver, 50).run(WRITES // 2)
    driver.close()
    driver = killed.start("--checkpoint", str(64 << 20))
    Load(killed, driver, 1).run(WRITES // 2)
    driver.kill()
    for store in (closed, killed):
        with Driver(copy(store, where / "check")) as driver:
            assert whole(driver) == store.model.state.keys
    return {"data.mdb": closed, "journal": killed}


def copy(store, to):
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(store.directory, to)
    return to


def flip_bits(data, chance):
    for _ in range(chance.choice((1, 1, 4, 40))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def flip_in_head(data, chance):
    """In one of the first bytes of a page, where LMDB's own data is dense."""
    at = chance.randrange(max(1, len(data) // PAGE)) * PAGE + chance.randrange(64)
    data[min(at, len(data) - 1)] ^= 1 << chance.randrange(8)


def wipe(data, chance):
    size = chance.choice((8, 512, PAGE))
    at = chance.randrange(max(1, len(data) // size)) * size
    data[at:at + size] = bytes(len(data[at:at + size]))


def misplace(data, chance):
    """One page in the place of another."""
    pages = max(1, len(data) // PAGE)
    source, target = chance.randrange(pages) * PAGE, chance.randrange(pages) * PAGE
    data[target:target + PAGE] = data[source:source + PAGE]


def cut_off(data, chance):
    del data[chance.randrange(len(data)):]


def damage(path, seed):
    chance = random.Random(seed)
    data = bytearray(path.read_bytes())
    how = chance.choice((flip_bits, flip_in_head, wipe, misplace, cut_off))
    # Behind what was ever written there is nothing to be damaged.
    used = len(bytes(data).rstrip(b"\0"))
    head = data[:used]
    how(head, chance)
    path.write_bytes(head if how is cut_off else head + data[used:])
    return how


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file(tmp_path, stores, name):
    """Either the store refuses to open and says what is damaged, or all that it says is true."""
    store = stores[name]
    opened = 0
    for seed in range(DAMAGES):
        directory = copy(store, tmp_path / "store")
        how = damage(directory / name, seed)
        driver = Driver(directory)
        where = f"seed {seed}, {how.__name__}"
        if not driver.ready:
            _, status = driver.await_end()
            assert status == 1, f"{where}: ended with {status}: {driver.stderr()}"
            assert "damaged" in driver.opened["why"] or "missing" in driver.opened["why"], (where, driver.opened)
            continue
        opened += 1
        check_damaged(driver, store.model, name, how, where)
    assert 0 < opened < DAMAGES


def check_damaged(driver, model, name, how, where):
    newest = model.revision
    revision = driver.opened["revision"]
    if name == "journal" and revision < newest:
        # What is damaged at the end of the journal looks like an entry that was not written whole when the machine went
        # down: it was never acknowledged, as far as anybody can tell.
        demand(how is cut_off or revision == newest - 1, where, ":", revision, "is there, and not", newest)
    else:
        demand(revision == newest, where, ":", revision, "is there, and not", newest)
    answer = driver.ask("range", **WHOLE)
    assert answer["status"] in TROUBLE
    if answer["status"] == "OK":
        demand(keys_of(answer) == model.keys_at(revision), where, ": other keys, or other values")
    for number in range(20):
        assert put(driver, b"single/%d" % number, b"again") in TROUBLE
        assert driver.ask("delete", key=b"single/%d" % (number + 5))["status"] in TROUBLE
    assert driver.ask("compact", revision=revision)["status"] in TROUBLE | {"COMPACTED"}
    driver.close()


def test_files_that_are_no_store(tmp_path):
    for name, data in (("data.mdb", b"hello\n"), ("data.mdb", bytes(10 * PAGE)), ("data.mdb", random.Random(1).randbytes(9999))):
        directory = tmp_path / "store"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        (directory / name).write_bytes(data)
        assert "damaged" in refusal(directory) or "missing" in refusal(directory)


def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert "Not a directory" in refusal(tmp_path / "file" / "store", tmp_path / "stderr")


def test_a_value_that_looks_like_an_entry_of_the_journal(tmp_path):
    """A client that knows how the journal is written must not be able to keep a store from opening."""
    xxhash = ctypes.CDLL("libxxhash.so.0")
    xxhash.XXH3_64bits_withSeed.restype = ctypes.c_uint64
    xxhash.XXH3_64bits_withSeed.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
    sequence = 1 << 40
    entry = struct.pack("=QQQQ", JOURNAL_MAGIC, sequence, 0, xxhash.XXH3_64bits_withSeed(b"", 0, sequence))
    with Driver(tmp_path / "store") as driver:
        for length in range(8):  # whatever stands before the value, one lies as an entry does
            assert put(driver, b"long/" + b"k" * length, bytes(2000) + entry * 20) == "OK"
    driver = Driver(tmp_path / "store")
    assert put(driver, b"short", b"v") == "OK"
    driver.kill()
    with Driver(tmp_path / "store") as driver:
        assert driver.ready, driver.opened
        assert driver.ask("range", **WHOLE, count_only=True)["count"] == 9


def test_values_that_look_like_heads_of_entries(tmp_path):
    """Nor to let it work for hours, by entries that claim to be long."""
    heads = struct.pack("=QQQQ", JOURNAL_MAGIC, 1 << 40, 8 << 20, 1) * (1 << 15)
    with Driver(tmp_path / "store") as driver:
        driver.write([{"op": "batch", "ops": [{"op": "put", "key": b"long/%03d" % i, "value": heads} for i in range(14)]}])
        assert {answer["status"] for answer in driver.read()["answers"]} == {"OK"}
    with Driver(tmp_path / "store") as driver:
        assert driver.ready, driver.opened


# --- one process, one format ---

def test_a_second_process(tmp_path):
    with Driver(tmp_path / "store") as driver:
        assert put(driver, b"key", b"v") == "OK"
        assert "another process uses it" in refusal(tmp_path / "store")
        assert put(driver, b"key", b"w") == "OK"
        assert whole(driver) == {"key": "w"}


def test_a_newer_format(tmp_path):
    with Driver(tmp_path / "store") as driver:
        assert put(driver, b"key", b"v") == "OK"
    path = tmp_path / "store" / "data.mdb"
    data = path.read_bytes()
    now, newer = (b"format" + struct.pack(">Q", number) for number in (FORMAT, FORMAT + 1))
    assert now in data
    path.write_bytes(data.replace(now, newer))
    why = refusal(tmp_path / "store")
    assert f"format {FORMAT + 1}" in why and "newer larderd" in why


# --- no space ---

def fill(driver, number, value):
    """Puts until there is no space. Returns what was put."""
    done = {}
    for i in range(100000):
        key = f"fill/{number}/{i}"
        status = put(driver, key.encode(), value.encode())
        if status != "OK":
            assert status == "NO_SPACE"
            return done
        done[key] = value
    raise AssertionError("there is no end to the space")


def limit_files(size):
    """Writes behind that size fail with EFBIG, instead of a signal."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    return limit


def test_a_full_disk(tmp_path):
    """Nothing that was acknowledged is touched, reads go on, and so do writes when there is space again."""
    driver = Driver(tmp_path / "store", "--checkpoint", str(256 * KILO), "--no-sync", preexec_fn=limit_files(3 << 20))
    done = {}
    for turn in range(1, 4):
        done.update(fill(driver, turn, "v" * 5000))
        figures = driver.ask("figures")
        assert figures["full"] and figures["waiting"] == 0
        assert whole(driver) == done
        revision = driver.ask("range", key=b"fill/1/0")["revision"]
        assert revision == len(done) + 1
        resource.prlimit(driver.pid, resource.RLIMIT_FSIZE, ((3 + turn) << 20, resource.RLIM_INFINITY))
        key = f"again/{turn}"
        assert put(driver, key.encode(), b"v") == "OK"
        done[key] = "v"
        assert not driver.ask("figures")["full"]
    driver.close()
    with Driver(tmp_path / "store") as driver:
        assert whole(driver) == done


@pytest.mark.shim
def test_a_disk_that_is_full_at_any_moment(tmp_path):
    """Every call to write fails for a while, from some moment on."""
    no_space = tmp_path / "no-space"
    environment = shim_environment(tmp_path / "store", no_space=no_space)
    chance = random.Random(1)
    store = Lives(tmp_path / "store", 1, value_size=2000, history=100)
    with store.start("--checkpoint", str(20 * KILO), environment=environment) as driver:
        for _ in range(20):
            Load(store, driver, 10).run(chance.randint(1, 100))
            no_space.write_bytes(b"")
            for _ in range(chance.randint(1, 5)):
                assert put(driver, b"refused", b"v") == "NO_SPACE"
                assert driver.ask("lease_grant", id=99, ttl=100)["status"] == "NO_SPACE"
            assert whole(driver) == store.model.state.keys
            no_space.unlink()
    with store.start() as driver:
        store.check(driver)


@pytest.mark.shim
def test_a_disk_that_does_not_sync(tmp_path):
    """What a write that failed has left nobody knows. There are no more writes, reads go on; a start finds what was
    acknowledged."""
    bad_sync = tmp_path / "bad-sync"
    environment = shim_environment(tmp_path / "store", bad_sync=bad_sync)
    store = Lives(tmp_path / "store", 1, value_size=2000, history=0)
    driver = store.start(environment=environment)
    Load(store, driver, 10).run(100)
    bad_sync.write_bytes(b"")
    writes = iter(lambda: store.writes.next(store.model), None)
    unknown = next(write for write in writes if getattr(write, "value", None))  # surely changes something
    store.model.add(unknown)
    op = unknown.op()
    assert driver.ask(op.pop("op"), **op)["status"] == "IO"
    assert whole(driver) == store.model.state_after(store.acknowledged).keys
    bad_sync.unlink()
    assert put(driver, b"refused", b"v") == "IO"
    driver.kill()
    with store.start() as driver:
        store.check(driver)
        assert put(driver, b"taken", b"v") == "OK"


@pytest.mark.shim
def test_a_defragmentation_without_room(tmp_path):
    """The file stays what it is, and all goes on."""
    no_space = tmp_path / "no-space"
    environment = shim_environment(tmp_path / "store", no_space=no_space)
    store = Lives(tmp_path / "store", 1, value_size=2000, history=100)
    with store.start(environment=environment) as driver:
        for _ in range(5):
            Load(store, driver, 10).run(100)
            no_space.write_bytes(b"")
            assert driver.ask("defragment")["status"] == "NO_SPACE"
            assert whole(driver) == store.model.state.keys
            no_space.unlink()
            assert driver.ask("defragment")["status"] == "OK"
            assert whole(driver) == store.model.state.keys
    with store.start() as driver:
        store.check(driver)


@pytest.mark.shim
def test_a_defragmentation_whose_file_is_not_synced(tmp_path):
    """The same."""
    bad_sync = tmp_path / "bad-sync"
    environment = shim_environment(tmp_path / "store", bad_sync=bad_sync, bad_kinds="fdatasync:data.mdb.new")
    store = Lives(tmp_path / "store", 1, value_size=2000, history=100)
    with store.start(environment=environment) as driver:
        for _ in range(5):
            Load(store, driver, 10).run(100)
            bad_sync.write_bytes(b"")
            assert driver.ask("defragment")["status"] == "IO"
            bad_sync.unlink()
            assert whole(driver) == store.model.state.keys
    with store.start() as driver:
        store.check(driver)


@pytest.mark.shim
def test_a_defragmentation_whose_name_is_not_synced(tmp_path):
    """Nobody knows which file a loss of power would leave: there are no more writes, and reads go on."""
    bad_sync = tmp_path / "bad-sync"
    environment = shim_environment(tmp_path / "store", bad_sync=bad_sync, bad_kinds="fsync")
    store = Lives(tmp_path / "store", 1, value_size=2000, history=100)
    driver = store.start(environment=environment)
    Load(store, driver, 10).run(100)
    bad_sync.write_bytes(b"")
    assert driver.ask("defragment")["status"] == "IO"
    bad_sync.unlink()
    assert put(driver, b"refused", b"v") == "IO"
    assert driver.ask("defragment")["status"] == "IO"
    assert whole(driver) == store.model.state.keys
    driver.kill()
    with store.start() as driver:
        store.check(driver)
        assert put(driver, b"taken", b"v") == "OK"


@pytest.mark.shim
def test_checkpoints_that_fail(tmp_path):
    """What is acknowledged is in the journal; while it cannot be brought to LMDB, reads and writes go on."""
    bad_sync = tmp_path / "bad-sync"
    environment = shim_environment(tmp_path / "store", bad_sync=bad_sync, bad_kinds="fdatasync:data.mdb")
    store = Lives(tmp_path / "store", 1, value_size=2000, history=100)
    with store.start("--checkpoint", str(20 * KILO), environment=environment) as driver:
        for _ in range(5):
            Load(store, driver, 10).run(100)
            bad_sync.write_bytes(b"")
            Load(store, driver, 10).run(100)
            assert whole(driver) == store.model.state.keys
            bad_sync.unlink()
    with store.start() as driver:
        store.check(driver)


@pytest.mark.shim
def test_a_page_that_cannot_be_written(tmp_path):
    """LMDB gives up when it cannot write the page that makes the others valid. Reads go on; a start finds all that was
    acknowledged."""
    bad_sync = tmp_path / "bad-sync"
    environment = shim_environment(tmp_path / "store", bad_sync=bad_sync, bad_kinds="dsync:data.mdb")
    store = Lives(tmp_path / "store", 1, value_size=2000, history=100)
    driver = store.start("--checkpoint", str(20 * KILO), environment=environment)
    Load(store, driver, 10).run(100)
    bad_sync.write_bytes(b"")
    done = {}
    for number in range(100):
        key = f"single/{number}"
        status = put(driver, key.encode(), b"v" * 1000)
        assert status in ("OK", "IO")
        if status == "OK":
            done[key] = "v" * 1000
    assert whole(driver) == {**store.model.state.keys, **done}
    driver.kill()
    with store.start() as driver:
        assert whole(driver) == {**store.model.state.keys, **done}


def test_the_quota(tmp_path):
    quota = 4 << 20
    with Driver(tmp_path / "store", "--quota", str(quota), "--no-sync") as driver:
        done = fill(driver, 1, "v" * 1000)
        figures = driver.ask("figures")
        assert figures["full"] and quota * 3 // 4 < figures["bytes"] <= quota
        assert whole(driver) == done
        # Overwriting takes space as well, for history keeps the old value; a deletion is let through.
        assert put(driver, b"fill/1/0", b"v" * 1000) == "NO_SPACE"
        answer = driver.ask("delete", key=b"fill/1/", range_end=b"fill/10", prev_kv=False)
        assert (answer["status"], answer["count"]) == ("OK", len(done))
        assert driver.ask("compact", revision=answer["revision"])["status"] == "OK"
        again = {}
        for turn in range(5):  # the space does not come back at once, but it does all by itself
            again.update(await_space(driver, f"again/{turn}"))
        again.update(fill(driver, 2, "v" * 1000))
        assert len(again) > len(done) * 3 // 4
        assert whole(driver) == again
    with Driver(tmp_path / "store", "--quota", str(quota)) as driver:
        assert whole(driver) == again


def await_space(driver, key):
    for _ in range(100000):
        status = put(driver, key.encode(), b"v")
        if status == "OK":
            return {key: "v"}
        assert status == "NO_SPACE"
    raise AssertionError("no space comes back")


def test_history_never_fills_the_quota(tmp_path):
    """With history compacted by itself, writing over the same keys goes on for ever."""
    with Driver(tmp_path / "store", "--quota", str(2 << 20), "--history", "1000", "--no-sync") as driver:
        for start in range(0, 20000, 500):
            ops = [{"op": "put", "key": b"key/%d" % (i % 50), "value": b"v" * 1000} for i in range(start, start + 500)]
            driver.write([{"op": "batch", "ops": ops}])
            assert {answer["status"] for answer in driver.read()["answers"]} == {"OK"}
        figures = driver.ask("figures")
        assert figures["compactions"] > 0 and figures["keys"] == 50
        assert figures["file_bytes"] < 16 << 20


def test_too_many_writes_wait(tmp_path):
    with Driver(tmp_path / "store", "--max-pending", "10") as driver:
        count = 2000
        driver.write([{"op": "put", "key": b"key/%d" % i, "value": b"", "async": i} for i in range(count)])
        driver.write([{"op": "await_async"}])
        answers = [driver.read() for _ in range(count + 1)]
        statuses = [answer["status"] for answer in answers if "async" in answer]
        assert set(statuses) <= {"OK", "TOO_MANY_REQUESTS"} and len(statuses) == count
        assert driver.ask("range", **WHOLE, count_only=True)["count"] == statuses.count("OK")


def test_too_many_watchers(tmp_path):
    with Driver(tmp_path / "store", "--max-watchers", "3") as driver:
        statuses = [driver.ask("watch_open", watch=number, **WHOLE)["status"] for number in range(5)]
        assert statuses == ["OK"] * 3 + ["TOO_MANY_WATCHERS"] * 2
        driver.ask("watch_close", watch=0)
        assert driver.ask("watch_open", watch=7, key=b"key")["status"] == "OK"
        assert driver.ask("watch_open", watch=8, key=b"")["status"] == "EMPTY_KEY"
