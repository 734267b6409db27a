"""An archive with so many objects that a list of its backups takes longer than a push may."""

import http.server
import threading
import time

import pytest

OBJECT = (
    "<Contents><Key>x/basebackups_005/base_000000010000000000000001_00000040/tar_partitions/"
    "part_{number:08d}.tar.lzo</Key><LastModified>2026-11-20T18:45:57.000Z</LastModified>"
    '<ETag>"e"</ETag><Size>1</Size></Contents>'
)


class Server(http.server.BaseHTTPRequestHandler):
    """An S3 server whose list of backups has no end, and that takes every object."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if "prefix=" not in self.path:
            return self.answer(404, "<Error><Code>NoSuchKey</Code><Message>no</Message></Error>")
        self.server.pages += 1
        time.sleep(0.05)
        self.answer(
            200,
            f"<ListBucketResult><Name>bucket</Name><IsTruncated>true</IsTruncated>"
            f"<NextContinuationToken>{self.server.pages}</NextContinuationToken>"
            f"{OBJECT.format(number=self.server.pages)}</ListBucketResult>",
        )

    do_HEAD = do_GET

    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.stored.append(self.path.partition("?")[0])
        self.answer(200, "")

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"e"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.pages, server.stored = 0, []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_its_list_does_not_keep_wal_from_being_stored(server, session_archive, tool):
    path = session_archive.cluster.wal_folder() / session_archive.archive_commits()
    s3 = tool.with_environment(
        WALE_S3_PREFIX="s3://bucket/x", WALE_S3_ENDPOINT=f"http+path://127.0.0.1:{server.server_port}",
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
