"""The server of a Site: Python's own, one thread for each connection."""

import http.server
import socket
import socketserver
from http import HTTPStatus

from landmark.script.errors import InputError

LOOPBACK = "127.0.0.1"
_SILENCE = 60  # Seconds after which a connection that says nothing is closed.
# No packet is sent there; of the address that one would leave from, only the network
# matters. It is one that documents may use (RFC 5737).
_ELSEWHERE = "192.0.2.1", 9


def find_address():
    """Returns this machine's address in the local network.

    Raises:
        InputError: it is in none.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
            address = probe.getsockname()[0]
        except OSError:
            address = LOOPBACK
    if address.startswith("127."):
        raise InputError(
            "--host=auto: expected a local network, found none; give --host=ADDRESS"
        )
    return address


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "landmark", ""
    timeout = _SILENCE

    def do_GET(self):
        self._answer(with_content=True)

    def do_HEAD(self):
        self._answer(with_content=False)

    def _answer(self, with_content):
        site = self.server.site
        page = site.pages.get(self.path.partition("?")[0])
        if page is None:
            status, kind, content = HTTPStatus.NOT_FOUND, "text/plain", b"Not found\n"
        else:
            status, kind, content = HTTPStatus.OK, page.kind, page.read()
        self.send_response(status)
        for name, value in site.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_content:
            self.wfile.write(content)

    def log_message(self, *_):
        """Says nothing: who opens the page sees it."""


class PageServer(http.server.ThreadingHTTPServer):
    """Serves a Site; `serve_forever` and `shutdown` are those of `socketserver`.

    Args:
        site: Site.
        host: address to listen at.
        port: number; 0 = any that is free.
        context: ssl.SSLContext for HTTPS, or None.

    Attributes:
        url: of the page.

    Raises:
        InputError: the address is not this machine's, or the port is taken.
    """

    daemon_threads = True

    def __init__(self, site, host, port, context=None):
        self.site = site
        try:
            if ":" in host:
                self.address_family = socket.AF_INET6
            super().__init__((host, port), _Handler)
        except OSError as error:  # Names that do not resolve are one, too.
            raise InputError(
                f"{host}, port {port}: expected an address of this machine and a free "
                f"port, found: {error.strerror}; --host and --port choose others"
            ) from error
        scheme = "http"
        if context:
            # A phone that is slow to greet keeps its own thread waiting, no other.
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
            scheme = "https"
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{scheme}://{shown}:{self.server_port}/"

    def server_bind(self):
        """Binds, without a search for the machine's name, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address):
        """Says nothing of phones that hang up, or do not like the certificate yet."""
