"""usage: swift_launcher.py ETC rings DATA account=PORT container=PORT object=PORT
          swift_launcher.py ETC NAME-server CONFIGURATION

Runs OpenStack Swift with its configuration in ETC instead of /etc/swift; `rings` writes the three
files that say where the storage servers are.
"""

import sys
from pathlib import Path

from swift.common import utils

HOST = "127.0.0.1"


def make_rings(etc, data, ports):
    from swift.common.ring import RingBuilder

    device = Path(data) / "device"
    device.mkdir(parents=True)
    for pair in ports:
        name, port = pair.split("=")
        builder = RingBuilder(4, 1, 1)
        place = {"region": 1, "zone": 1, "ip": HOST, "port": int(port), "device": device.name}
        builder.add_dev({**place, "weight": 1, "replication_ip": HOST, "replication_port": int(port)})
        builder.rebalance()
        builder.get_ring().save(str(Path(etc) / f"{name}.ring.gz"))


def serve(kind, configuration):
    from swift.common.wsgi import run_wsgi

    if kind == "object-server":
        from swift.obj import server

        return run_wsgi(configuration, kind, verbose=True, global_conf_callback=server.global_conf_callback)
    return run_wsgi(configuration, kind, verbose=True)


def main(etc, what, *arguments):
    utils.set_swift_dir(etc)
    if what == "rings":
        return make_rings(etc, arguments[0], arguments[1:])
    return serve(what, *arguments)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
