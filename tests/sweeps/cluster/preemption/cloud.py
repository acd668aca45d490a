"""A cloud that tells an instance of its end, on this machine."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[str, str, dict[str, str]], tuple[int, str, dict[str, str]]]


class Cloud:
    """A metadata service; `answer` gets method, path and headers and returns status, text and headers."""

    def __init__(self) -> None:
        self.answer: Answer = lambda *_: (404, "", {})
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = (self.command, self.path, {key.lower(): value for key, value in self.headers.items()})
                cloud.asked.append(asked)
                code, text, headers = cloud.answer(*asked)
                self.send_response(code)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(text.encode())

            do_PUT = do_GET  # noqa: N815  # the name that the server looks for

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


def aws(action: str | None, token: str = "t") -> Answer:
    """Answer as AWS does, with `action` as its notice, to those who have the token."""

    def answer(method: str, path: str, headers: dict[str, str]) -> tuple[int, str, dict[str, str]]:
        if (method, path) == ("PUT", "/latest/api/token"):
            return 200 if headers.get("x-aws-ec2-metadata-token-ttl-seconds") == "21600" else 400, token, {}
        if headers.get("x-aws-ec2-metadata-token") != token:
            return 401, "", {}
        if path == "/latest/meta-data/spot/instance-action" and action is not None:
            return 200, action, {}
        if path == "/latest/meta-data/events/recommendations/rebalance":
            return 200, '{"noticeTime": "2026-01-01T00:00:00Z"}', {}
        return 404, "", {}

    return answer
