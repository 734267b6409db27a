"""The layering test sees an upward, a sideways and a private include, and the tree has none."""

from pathlib import Path

import layering

ROOT = Path(__file__).resolve().parent.parent.parent


def tree(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_what_is_allowed(tmp_path):
    tree(
        tmp_path,
        {
            "include/wale/io/file.hpp": "#include <wale/base/error.hpp>\n#include <vector>\n",
            "src/io/ring.hpp": "",
            "src/io/ring.cc": '#include "ring.hpp"\n#include <wale/io/file.hpp>\n#include <liburing.h>\n',
            "src/main.cc": "#include <wale/command/options.hpp>\n",
            "tests/io/ring_test.cc": '#include "../../src/io/ring.hpp"\n#include <liburing.h>\n',
            "tests/support/anything.cc": "#include <wale/command/options.hpp>\n",
        },
    )
    assert layering.findings(tmp_path) == []


def wrong(tmp_path, files):
    return [(str(path), line, what) for path, line, what in layering.findings(tree(tmp_path, files))]


def test_upward(tmp_path):
    files = {"include/wale/io/file.hpp": "\n#include <wale/catalog/names.hpp>\n"}
    assert wrong(tmp_path, files) == [
        ("include/wale/io/file.hpp", 2, "io must not include catalog")
    ]


def test_sideways(tmp_path):
    files = {"src/pg/control_file.cc": "#  include <wale/archive/tar.hpp>\n"}
    assert wrong(tmp_path, files) == [
        ("src/pg/control_file.cc", 1, "pg must not include archive")
    ]


def test_private_header_of_another_layer(tmp_path):
    files = {"src/io/ring.hpp": "", "src/store/file.cc": '#include "../io/ring.hpp"\n'}
    assert wrong(tmp_path, files) == [("src/store/file.cc", 1, "../io/ring.hpp is private to io")]


def test_private_header_in_a_public_one(tmp_path):
    files = {"src/io/ring.hpp": "", "include/wale/io/file.hpp": '#include "../../../src/io/ring.hpp"\n'}
    assert [what for _, _, what in wrong(tmp_path, files)] == [
        "a public header includes the private ../../../src/io/ring.hpp"
    ]


def test_third_party_headers_have_a_place(tmp_path):
    files = {"src/base/log.cc": "#include <boost/asio/post.hpp>\n"}
    assert wrong(tmp_path, files) == [
        ("src/base/log.cc", 1, "<boost/asio/post.hpp> does not belong into base")
    ]


def test_unknown_layer(tmp_path):
    assert wrong(tmp_path, {"src/util/x.cc": ""}) == [("src/util/x.cc", 1, "util is not a layer")]


def test_the_tree_is_clean():
    assert layering.findings(ROOT) == []
