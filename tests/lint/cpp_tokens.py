"""C++ source as a tree of tokens: just enough structure to talk about statements.

Comments, literals and preprocessor lines are dropped or replaced by one token; (), [] and {} become
nested groups. Nothing is understood beyond that.
"""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*|/\*.*?\*/)
  | (?P<raw>(?:u8|[uUL])?R"(?P<fence>[^()\\\s]{0,16})\(.*?\)(?P=fence)")
  | (?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*")
  | (?P<number>\.?\d(?:[eEpP][+-]|'[0-9a-fA-F]|[\w.])*)
  | (?P<char>(?:u8|[uUL])?'(?:\\.|[^'\\\n])+')
  | (?P<word>[A-Za-z_]\w*)
  | (?P<arrow>->\*?|::)
  | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
CLOSER = {"(": ")", "[": "]", "{": "}"}


@dataclass
class Token:
    text: str
    line: int


@dataclass
class Group:
    """A bracketed sequence; `opener` is one of ( [ { and "" for the whole file."""

    opener: str
    line: int
    items: list = field(default_factory=list)


def without_directives(source):
    """Blanks preprocessor lines with their continuations, keeping the line count."""
    result, inside = [], False
    for line in source.split("\n"):
        directive = inside or line.lstrip().startswith("#")
        inside = directive and line.endswith("\\")
        result.append("" if directive else line)
    return "\n".join(result)


def tokens(source):
    line = 1
    for match in TOKEN.finditer(without_directives(source)):
        kind, text = match.lastgroup, match.group()
        if kind == "fence":
            kind = "raw"
        if kind in ("raw", "string", "char"):
            yield Token('""', line)
        elif kind != "space":
            yield Token(text, line)
        line += text.count("\n")


def parse(source):
    """The file as one Group. Unbalanced brackets close what is open: a lint must not crash."""
    root = Group("", 1)
    open_groups = [root]
    for token in tokens(source):
        if token.text in CLOSER:
            group = Group(token.text, token.line)
            open_groups[-1].items.append(group)
            open_groups.append(group)
        elif token.text in CLOSER.values():
            if len(open_groups) > 1 and CLOSER[open_groups[-1].opener] == token.text:
                open_groups.pop()
        else:
            open_groups[-1].items.append(token)
    return root
