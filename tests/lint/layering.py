#!/usr/bin/python3
"""usage: layering.py [ROOT]

Each layer includes only what lies left of it (docs/design.md "Layers"):

    base <- io <- { archive, pg, store } <- catalog <- command <- main

Other layers are reached through include/wale/<layer>/ only; a header in src/<layer>/ is private to
that layer and its tests. Some third-party headers belong to one place. Prints what breaks this.
"""

import re
import sys
from pathlib import Path

LEFT_OF = {
    "base": set(),
    "io": {"base"},
    "http": {"base", "io"},
    "archive": {"base", "io"},
    "pg": {"base", "io"},
    "store": {"base", "io", "http"},
    "catalog": {"base", "io", "http", "archive", "pg", "store"},
    "command": {"base", "io", "http", "archive", "pg", "store", "catalog"},
    "main": {"base", "io", "http", "archive", "pg", "store", "catalog", "command"},
}
# Header prefix -> the layers that may include it.
THIRD_PARTY = {
    "boost/beast": {"http"},
    "openssl/": {"base", "http", "store"},
    "boost/asio": {"io", "http", "store", "archive", "pg", "catalog", "command", "main"},
    "liburing": {"io"},
    "libpq-fe": {"pg"},
    "lzo/": {"archive"},
    "cxxopts": {"command"},
    "boost/json": {"store", "catalog", "http"},
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def layer_of(path):
    """(layer, is_public, is_test) of a file relative to the root; layer None: not ours to judge."""
    parts = path.parts
    if parts[:2] == ("include", "wale") and len(parts) > 3:
        return parts[2], True, False
    if parts[0] == "src":
        return (parts[1] if len(parts) > 2 else "main"), False, False
    if parts[0] == "tests" and len(parts) > 2 and parts[1] in LEFT_OF:
        return parts[1], False, True
    return None, False, False


def private_owner(root, path, name):
    """The layer whose src/ folder holds the quoted include, None when it lies elsewhere."""
    layer, _, _ = layer_of(path)
    for base in (path.parent, Path("src") / str(layer), Path("src"), Path("tests"), Path(".")):
        target = (root / base / name).resolve()
        if target.is_file():
            relative = target.relative_to(root)
            if relative.parts[0] == "src":
                return relative.parts[1] if len(relative.parts) > 2 else "main"
            return None
    return None


def judge(root, path, quote, name):
    """What is wrong with one include, or None."""
    layer, public, test = layer_of(path)
    wale = re.match(r"wale/([^/]+)/", name)
    if wale:
        other = wale.group(1)
        if other == layer or other in LEFT_OF[layer]:
            return None
        return f"{layer} must not include {other}"
    if quote == '"':
        owner = private_owner(root, path, name)
        if public and owner is not None:
            return f"a public header includes the private {name}"
        if owner is not None and owner != layer:
            return f"{name} is private to {owner}"
        return None
    if test:
        return None
    for prefix, layers in THIRD_PARTY.items():
        if name.startswith(prefix) and layer not in layers:
            return f"<{name}> does not belong into {layer}"
    return None


def findings(root):
    """(path, line, what) for each include that breaks the layering."""
    root = root.resolve()
    found = []
    for folder in ("include", "src", "tests"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in (".cc", ".hpp") or not file.is_file():
                continue
            path = file.relative_to(root)
            layer, _, _ = layer_of(path)
            if layer is None:
                continue
            if layer not in LEFT_OF:
                found.append((path, 1, f"{layer} is not a layer"))
                continue
            text = file.read_text(encoding="utf-8")
            for match in INCLUDE.finditer(text):
                what = judge(root, path, match.group(1), match.group(2))
                if what:
                    found.append((path, text.count("\n", 0, match.start()) + 1, what))
    return found


def main(arguments):
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent.parent
    found = findings(root)
    for path, line, what in found:
        print(f"{path}:{line}: {what}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
