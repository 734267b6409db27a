"""A certificate authority of the tests' own, and one server certificate of it."""

import subprocess

NAMES = "DNS:localhost"  # not the address: there is a test that it is refused


def make(folder):
    """Writes ca.pem, cert.pem (with its chain) and key.pem into the folder."""
    folder.mkdir(parents=True)
    (folder / "server.ext").write_text(
        "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature,keyEncipherment\n"
        f"extendedKeyUsage=serverAuth\nsubjectAltName={NAMES}\n"
    )
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl(folder, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30",
            "-subj", "/CN=CA of the tests", "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    openssl(folder, "req", *key, "-keyout", "key.pem", "-out", "server.csr", "-subj", "/CN=localhost")
    openssl(folder, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "30", "-extfile", "server.ext", "-out", "leaf.pem")  # fmt: skip
    (folder / "cert.pem").write_text(
        (folder / "leaf.pem").read_text() + (folder / "ca.pem").read_text()
    )


def openssl(folder, *arguments):
    done = subprocess.run(
        ["openssl", *arguments], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]} failed:\n{done.stderr}")
