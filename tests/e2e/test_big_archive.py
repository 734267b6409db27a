"""An archive with so many objects that a list of its backups takes longer than a push may."""

import time

import pytest
from support.scripted import Script, serving

OBJECT = (
    "<Contents><Key>x/basebackups_005/base_000000010000000000000001_00000040/tar_partitions/"
    "part_{number:08d}.tar.lzo</Key><LastModified>2026-11-20T18:45:57.000Z</LastModified>"
    '<ETag>"e"</ETag><Size>1</Size></Contents>'
)


class Server(Script):
    """An S3 server whose list of backups has no end, and that takes every object."""

    def do_GET(self):
        if "prefix=" not in self.path:
            return self.answer(404, b"<Error><Code>NoSuchKey</Code><Message>no</Message></Error>")
        self.server.pages += 1
        time.sleep(0.05)
        page = (
            f"<ListBucketResult><Name>bucket</Name><IsTruncated>true</IsTruncated>"
            f"<NextContinuationToken>{self.server.pages}</NextContinuationToken>"
            f"{OBJECT.format(number=self.server.pages)}</ListBucketResult>"
        )
        self.answer(200, page.encode())

    do_HEAD = do_GET

    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.stored.append(self.path.partition("?")[0])
        self.answer(200, ETag='"e"')


@pytest.fixture
def server():
    with serving(Server, pages=0, stored=[]) as server:
        yield server


def test_its_list_does_not_keep_wal_from_being_stored(server, session_archive, tool):
    path = session_archive.cluster.wal_folder() / session_archive.archive_commits()
    s3 = tool.with_environment(
        WALE_S3_PREFIX="s3://bucket/x", WALE_S3_ENDPOINT=server.url.replace("http:", "http+path:"),
        AWS_ACCESS_KEY_ID="k", AWS_SECRET_ACCESS_KEY="s")  # fmt: skip
    run = s3.run("wal-push", "-p1", path)
    assert server.stored == [f"/bucket/x/wal_005/{path.name}.lzo"]
    warning = [r for r in run.records if r.level == "WARNING"]
    assert [w.msg for w in warning] == ["could not find out which cluster this archive is of"]
    assert "did not end within 10 seconds" in warning[0].parts["DETAIL"]
    # Nor does the next push wait for it again.
    pages = server.pages
    following = path.parent / session_archive.archive_commits()
    run = s3.run("wal-push", "-p1", following)
    assert server.stored[1:] == [f"/bucket/x/wal_005/{following.name}.lzo"] and server.pages == pages
    assert [r for r in run.records if r.level == "WARNING"] == []
