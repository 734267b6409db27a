"""An archived name never changes its content; on moto, which has S3's conditional writes, and Swift."""

import hashlib

import pytest
from support.crash import unpacked
from support.segments import two_contents

ROUNDS = 50


@pytest.fixture
def contenders(session_archive, folder):
    return two_contents(session_archive, folder)


@pytest.fixture(params=["moto", "swift"])
def s3_store(request, new_bucket):
    return new_bucket(request.getfixturevalue(request.param))


@pytest.fixture
def s3(tool, s3_store):
    """wal-e with the prefix of s3_store."""
    return tool.with_environment(**s3_store.environment())


def plain(store, name, folder):
    """What lzop makes of the stored segment."""
    (folder / "object.lzo").write_bytes(store.read(f"wal_005/{name}.lzo"))
    return unpacked(folder / "object.lzo")


def test_the_same_content_again(contenders, s3, s3_store, folder):
    name, (path, _) = contenders
    s3.run("wal-push", path)
    before = s3_store.head(f"wal_005/{name}.lzo")["Metadata"]
    s3.run("wal-push", path)
    assert s3_store.head(f"wal_005/{name}.lzo")["Metadata"] == before  # other in each upload
    assert before["wale-sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert plain(s3_store, name, folder) == path.read_bytes()


def test_other_content_is_refused(contenders, s3, s3_store, folder):
    name, (path, other) = contenders
    s3.run("wal-push", path)
    s3.run("wal-push", other, code=1).error(name)
    assert plain(s3_store, name, folder) == path.read_bytes()


@pytest.mark.parametrize("s3_store", ["moto"], indirect=True)
def test_one_of_two_contents_survives(contenders, s3, s3_store, folder):
    name, paths = contenders
    contents = [path.read_bytes() for path in paths]
    wins = [0, 0]
    for round_number in range(ROUNDS):
        # Every other round the other one gets the head start of a process creation.
        order = (0, 1) if round_number % 2 else (1, 0)
        pushes = {side: s3.start("wal-push", paths[side]) for side in order}
        codes = [pushes[side].wait(60) for side in (0, 1)]
        assert sorted(codes) == [0, 1], f"round {round_number}: exit codes {codes}"
        winner = codes.index(0)
        wins[winner] += 1
        assert plain(s3_store, name, folder) == contents[winner], f"round {round_number}"
        s3_store.remove(f"wal_005/{name}.lzo")
    assert min(wins) > ROUNDS // 20, f"it was no race: {wins}"


@pytest.mark.parametrize("s3_store", ["moto"], indirect=True)
def test_a_large_segment_is_create_only_too(clusters, folder, s3, s3_store):
    """One that may exceed a quarter of the memory goes up in parts; the condition is the last step's."""
    archive = clusters.archive(folder / "archive").start(
        "--wal-segsize=64", min_wal_size="128MB", max_wal_size="256MB"
    )
    name, paths = two_contents(archive, folder)
    s3.run("wal-push", paths[0])
    s3.run("wal-push", paths[0])
    s3.run("wal-push", paths[1], code=1).error(name)
    assert plain(s3_store, name, folder) == paths[0].read_bytes()
    s3_store.remove(f"wal_005/{name}.lzo")
    pushes = [s3.start("wal-push", path) for path in paths]
    codes = [push.wait(60) for push in pushes]
    assert sorted(codes) == [0, 1]
    assert plain(s3_store, name, folder) == paths[codes.index(0)].read_bytes()
    assert s3_store.uploads() == []


def test_a_lost_acknowledgement(contenders, s3, s3_store, folder, new_proxy):
    """The object is there, the writer does not know: it finds its own content and succeeds."""
    name, (path, other) = contenders
    proxy = new_proxy(s3_store.server.url)
    through = s3.with_environment(**s3_store.at(endpoint=proxy.url).environment())
    proxy.lose_answer(f"PUT /{s3_store.bucket}/{s3_store.prefix}/wal_005/{name}.lzo")
    through.run("wal-push", path)
    assert proxy.counts()["lost"] == 1
    assert plain(s3_store, name, folder) == path.read_bytes()
    # And a writer that is not repeated: the next one finds it.
    s3_store.remove(f"wal_005/{name}.lzo")
    proxy.lose_answer(f"PUT /{s3_store.bucket}/{s3_store.prefix}/wal_005/{name}.lzo")
    through.with_environment(WALE_RETRIES="1").run("wal-push", path, code=None)
    assert proxy.counts()["lost"] == 2
    through.run("wal-push", path)
    through.run("wal-push", other, code=1).error(name)


def test_a_lost_acknowledgement_of_a_backup(clusters, folder, s3_store, new_proxy):
    """The sentinel's: the backup is there, and said to be."""
    proxy = new_proxy(s3_store.server.url)
    archive = clusters.archive(folder / "archive", store=s3_store).start("--wal-segsize=1")
    through = archive.tool.with_environment(**s3_store.at(endpoint=proxy.url).environment())
    for what in ("/basebackups_005/base_", ""):
        proxy.lose_answer(f"PUT /{s3_store.bucket}/{s3_store.prefix}{what}")
        through.run("backup-push", "--checkpoint=fast", archive.cluster.data)
    assert proxy.counts()["lost"] == 2
    assert len(s3_store.backups()) == 2


def warned_of_conditions(run):
    warnings = [record for record in run.records if record.level == "WARNING"]
    return sum("If-None-Match" in warning.text for warning in warnings) == 1


@pytest.mark.parametrize("s3_store", ["swift"], indirect=True)
def test_a_server_without_conditions_is_told_of_once(contenders, s3, folder, session_archive):
    """Swift answers 501: HEAD, then PUT, and a warning a day, not one for each segment."""
    _, (path, other) = contenders
    s3 = s3.with_environment(TMPDIR=str(folder))
    assert warned_of_conditions(s3.run("wal-push", path))
    copy = path.with_name(session_archive.archive_commits())
    copy.write_bytes((session_archive.cluster.wal_folder() / copy.name).read_bytes())
    assert not warned_of_conditions(s3.run("wal-push", copy))
    s3.run("wal-push", other, code=1).error(path.name)
