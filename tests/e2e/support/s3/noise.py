"""A relation that does not compress, so that objects are larger than one part of an upload."""

MEGABYTES = 40


def add_noise(cluster, megabytes=MEGABYTES):
    lines = f"head -c {megabytes * 750_000} /dev/urandom | base64 -w 1000"
    cluster.sql(f"CREATE TABLE noise (line text); COPY noise FROM PROGRAM '{lines}'")
