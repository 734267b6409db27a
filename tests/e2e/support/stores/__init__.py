"""Real servers of the stores that are reached over a network, one module each.

A module has `Server`, a class made with a folder, with start(), which returns it, and stop();
`LARGE`, how many bytes an object has at least that is stored in parts; and `new_store(server)`, which
makes a container of its own and returns what looks at it from outside:

  url, missing_url     the prefix of the archive, and one in a container that does not exist
  server_url           where a proxy in front of the server has to lead
  environment()        the variables with which wal-e reaches it
  at(endpoint=, prefix=, **variables)   the same container by another way, or another prefix in it
  sizes(below=""), read(key), write(key, data), write_all({key: data}), remove(key)
                       objects; keys are relative to the prefix
  uploads()            what is left of uploads that have neither ended nor been given up
  segments(), backups()
  wrong()              {name: (variables, word of the error)} that no command survives
"""

import importlib

KINDS = ["s3", "azure", "swift", "gcs"]


def module(kind):
    return importlib.import_module(f"support.stores.{kind}")
