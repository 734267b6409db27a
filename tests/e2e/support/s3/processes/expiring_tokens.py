"""A filter in front of Swift's s3api: session tokens that are good for so many requests.

Swift ignores session tokens. With this one of the form `good-for-N-...` is refused as AWS refuses an
expired one, from request N + 1 on; any other text after `good-for-` is refused at once.
"""

from collections import Counter

EXPIRED = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>ExpiredToken</Code>'
    b"<Message>The provided token has expired.</Message><RequestId>tx1</RequestId></Error>"
)


class ExpiringTokens:
    def __init__(self, app):
        self.app, self.used = app, Counter()

    def __call__(self, environ, start_response):
        token = environ.get("HTTP_X_AMZ_SECURITY_TOKEN", "")
        if token.startswith("good-for-"):
            limit = token.split("-")[2]
            self.used[token] += 1
            if not limit.isdigit() or self.used[token] > int(limit):
                head = [("Content-Type", "application/xml"), ("Content-Length", str(len(EXPIRED)))]
                start_response("400 Bad Request", head)
                return [EXPIRED]
        return self.app(environ, start_response)


def filter_factory(global_conf, **local_conf):
    return ExpiringTokens
