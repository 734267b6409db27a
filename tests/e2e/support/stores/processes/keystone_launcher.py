"""usage: keystone_launcher.py CONFIGURATION HOST PORT

Makes Keystone's database and keys, with user, project and domain of the administrator, and serves.
"""

import os
import sqlite3
import sys
import traceback
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Handler(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def manage(configuration, *command):
    """`keystone-manage COMMAND`; each wants a process of its own, but not the imports once more."""
    from keystone.cmd import cli

    child = os.fork()
    if child == 0:
        try:
            cli.main(["keystone-manage", "--config-file", configuration, *command])
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        sys.exit(f"keystone-manage {command[0]} failed")


def main(configuration, host, port):
    os.chdir(os.path.dirname(configuration))
    owner = ["--keystone-user", str(os.geteuid()), "--keystone-group", str(os.getegid())]
    url = f"http://{host}:{port}/v3"
    manage(configuration, "db_sync")
    manage(configuration, "fernet_setup", *owner)
    manage(configuration, "credential_setup", *owner)
    manage(configuration, "bootstrap", "--bootstrap-password", "admin",
           "--bootstrap-region-id", "RegionOne", "--bootstrap-public-url", url,
           "--bootstrap-internal-url", url)  # fmt: skip
    # Else readers block a writer, and with it the request: "database is locked".
    with sqlite3.connect("keystone.db") as database:
        database.execute("pragma journal_mode=wal")

    os.environ["OS_KEYSTONE_CONFIG_FILES"] = configuration
    sys.argv = sys.argv[:1]
    from keystone.server.wsgi import initialize_public_application

    application = initialize_public_application()
    make_server(host, int(port), application, Server, Handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
