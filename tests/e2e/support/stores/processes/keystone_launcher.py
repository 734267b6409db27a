"""usage: keystone_launcher.py CONFIGURATION HOST PORT

Serves; makes Keystone's database and keys before, with user, project and domain of the administrator,
if there is no database beside the configuration.
Python 3 runs Debian's Keystone with it, Python 2.7 Keystone 12.
"""

import os
import sqlite3
import sys
import traceback
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

try:
    from socketserver import ThreadingMixIn
except ImportError:
    from SocketServer import ThreadingMixIn

DATABASE = "keystone.db"


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Handler(WSGIRequestHandler):
    def log_message(self, form, *values):
        sys.stderr.write(form % values + "\n")


def manage(configuration, *command):
    """`keystone-manage COMMAND`; each wants a process of its own, but not the imports once more."""
    from keystone.cmd import cli

    child = os.fork()
    if child == 0:
        try:
            cli.main(["keystone-manage", "--config-file", configuration] + list(command))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        sys.exit("keystone-manage %s failed" % command[0])


def prepare(configuration, url):
    owner = ["--keystone-user", str(os.geteuid()), "--keystone-group", str(os.getegid())]
    manage(configuration, "db_sync")
    manage(configuration, "fernet_setup", *owner)
    manage(configuration, "credential_setup", *owner)
    manage(configuration, "bootstrap", "--bootstrap-password", "admin",
           "--bootstrap-region-id", "RegionOne", "--bootstrap-public-url", url,
           "--bootstrap-internal-url", url)  # fmt: skip
    # Else readers block a writer, and with it the request: "database is locked".
    with sqlite3.connect(DATABASE) as database:
        database.execute("pragma journal_mode=wal")


def main(configuration, host, port):
    os.chdir(os.path.dirname(configuration))
    if not os.path.exists(DATABASE):
        prepare(configuration, "http://%s:%s/v3" % (host, port))

    os.environ["OS_KEYSTONE_CONFIG_FILES"] = configuration
    sys.argv = sys.argv[:1]
    from keystone.server.wsgi import initialize_public_application

    application = initialize_public_application()
    make_server(host, int(port), application, Server, Handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
