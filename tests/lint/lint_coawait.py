#!/usr/bin/python3
"""usage: lint_coawait.py FILE_OR_FOLDER...

g++ 12 destroys some temporaries of a full expression with co_await in it twice, silently. The shapes
known to do so all hold a capturing lambda, a braced temporary or a ?: in the statement that awaits.
This lint refuses those three; the way out is to name the object in a statement of its own.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from cpp_tokens import Group, Token, parse  # noqa: E402

# What may stand before the { of a body, as opposed to that of an initializer.
BODY_AFTER = {"else", "do", "try", ":", "const", "noexcept", "override", "final", "mutable"}
SCOPES = {"namespace", "struct", "class", "union", "enum", "extern", "export"}
REASONS = {
    "lambda": "a capturing lambda",
    "brace": "a braced temporary",
    "conditional": "?:",
}


def is_text(item, *texts):
    return isinstance(item, Token) and item.text in texts


def is_group(item, opener):
    return isinstance(item, Group) and item.opener == opener


def is_lambda(items, i):
    """Whether the [ ] group at i introduces a lambda, not a subscript, attribute or binding."""
    before = items[i - 1] if i > 0 else None
    after = items[i + 1] if i + 1 < len(items) else None
    if isinstance(before, Group) and before.opener in "([":
        return False
    if isinstance(before, Token) and before.text not in ("return", "co_return", "co_await", "co_yield"):
        if before.text == '""' or before.text[0].isalnum() or before.text[0] == "_":
            return False
    if is_group(after, "(") or is_group(after, "{"):
        return True
    return is_text(after, "mutable", "<", "->", "noexcept")


def is_body(statement, before):
    """Whether a { } group at statement level, after `before`, is a body."""
    if before is None or is_group(before, "(") or is_group(before, "{"):
        return True
    if isinstance(before, Token) and before.text in BODY_AFTER:
        return True
    if any(isinstance(item, Token) and item.text in SCOPES for item in statement):
        return True
    # A trailing return type: `auto f() -> task<> {`.
    return any(
        is_text(item, "->") and is_group(statement[i - 1], "(")
        for i, item in enumerate(statement)
        if i > 0
    ) and not any(is_text(item, "=") for item in statement)


class Finder:
    def __init__(self):
        self.found = []  # (line, reason)

    def block(self, items):
        """Splits the content of a body into statements and judges each."""
        statement = []
        for item in items:
            if is_text(item, ";"):
                self.judge(statement)
                statement = []
            elif is_group(item, "{") and not self.belongs_to_lambda(statement):
                if is_body(statement, statement[-1] if statement else None):
                    self.judge(statement)
                    self.block(item.items)
                    statement = []
                else:
                    statement.append(item)
            else:
                statement.append(item)
        self.judge(statement)

    @staticmethod
    def belongs_to_lambda(statement):
        """Whether a { after these items is the body of a lambda that has not had its body yet."""
        for i in range(len(statement) - 1, -1, -1):
            if is_group(statement[i], "{"):
                return False
            if is_group(statement[i], "[") and is_lambda(statement + [Group("{", 0)], i):
                return True
        return False

    def judge(self, statement):
        traits = {"await": 0}
        self.look(statement, traits)
        if traits["await"]:
            for reason in REASONS:
                if reason in traits:
                    self.found.append((traits["await"], REASONS[reason]))

    def look(self, items, traits):
        """Collects the traits of one statement; bodies of lambdas are statements of their own."""
        lambda_open = False
        for i, item in enumerate(items):
            if isinstance(item, Token):
                if item.text == "co_await":
                    traits["await"] = traits["await"] or item.line
                elif item.text == "?":
                    traits["conditional"] = True
            elif item.opener == "[" and is_lambda(items, i):
                lambda_open = True
                if item.items:
                    traits["lambda"] = True
            elif item.opener == "{":
                if lambda_open:
                    self.block(item.items)
                    lambda_open = False
                else:
                    traits["brace"] = True
                    self.look(item.items, traits)
            else:
                self.look(item.items, traits)


def findings(source):
    """(line, reason) for each forbidden shape."""
    finder = Finder()
    finder.block(parse(source).items)
    return sorted(set(finder.found))


def sources(arguments):
    for argument in map(Path, arguments):
        if argument.is_dir():
            yield from sorted(p for p in argument.rglob("*") if p.suffix in (".cc", ".hpp"))
        else:
            yield argument


def main(arguments):
    bad = 0
    for path in sources(arguments):
        for line, reason in findings(path.read_text(encoding="utf-8")):
            print(f"{path}:{line}: a statement with co_await holds {reason}: name it first")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
