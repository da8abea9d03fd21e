"""The server: its answers, its refusals, and what it survives."""

import contextlib
import http.client
import socket
import ssl
import threading

import pytest

from landmark.script.errors import InputError
from landmark.web import certificate, server
from landmark.web.site import Page, Site

SITE = Site(
    {"/": Page("text/html", b"<p>page"), "/gone": Page("text/plain", b"")},
    {"X-Rule": "strict"},
)


@contextlib.contextmanager
def serving(site=SITE, context=None):
    with server.PageServer(site, server.LOOPBACK, 0, context) as opened:
        thread = threading.Thread(target=opened.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield opened
        finally:
            opened.shutdown()
            thread.join()


def ask(opened, address, method="GET"):
    connection = http.client.HTTPConnection(*opened.server_address, timeout=5)
    connection.request(method, address)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def test_page_is_answered_with_its_kind_and_rules():
    with serving() as opened:
        assert opened.url == f"http://127.0.0.1:{opened.server_port}/"
        for address in ("/", "/?a=b"):
            answer, content = ask(opened, address)
            assert (answer.status, content) == (200, b"<p>page")
        assert answer.headers["Content-Type"] == "text/html"
        assert answer.headers["X-Rule"] == "strict"
        assert "Python" not in answer.headers["Server"]
        answer, content = ask(opened, "/", "HEAD")
        assert (answer.headers["Content-Length"], content) == ("7", b"")


@pytest.mark.parametrize(
    "address",
    [
        *("/other", "/../README.md", "/..%2fREADME.md", "/%2e%2e/README.md"),
        *("/./", "//etc/passwd", "/..\\README.md", "/" + "a" * 5000, "/%00"),
    ],
)
def test_all_else_is_not_found(address):
    with serving() as opened:
        answer, content = ask(opened, address)
        assert (answer.status, content) == (404, b"Not found\n")
        assert answer.headers["X-Rule"] == "strict"


def test_nothing_can_be_written():
    with serving() as opened:
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            assert ask(opened, "/", method)[0].status == 501


def test_lost_file_and_rude_phones_end_no_server(tmp_path, capfd):
    lost = {"/lost": Page("text/plain", tmp_path / "lost")}
    with serving(Site(SITE.pages | lost, {})) as opened:
        for message in (b"\x16\x03\x01nonsense\r\n\r\n", b"GET / HTT", b""):
            with socket.create_connection(opened.server_address, 5) as phone:
                phone.sendall(message)
        with pytest.raises(http.client.RemoteDisconnected):
            ask(opened, "/lost")
        assert ask(opened, "/")[0].status == 200
    assert "Traceback" not in capfd.readouterr().err


def test_https_is_served_for_the_address(tmp_path):
    pytest.importorskip("cryptography")
    made = certificate.make_certificate(server.LOOPBACK)
    (tmp_path / "made.pem").write_bytes(made)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "made.pem")
    trusting = ssl.create_default_context(
        cadata=made.decode().partition("-----END PRIV")[2]
    )
    with serving(context=context) as opened:
        assert opened.url.startswith("https://127.0.0.1:")
        # One that does not greet keeps no other waiting.
        with socket.create_connection(opened.server_address):
            connection = http.client.HTTPSConnection(
                *opened.server_address, timeout=5, context=trusting
            )
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"<p>page"
            connection.close()


def test_taken_port_and_foreign_address_are_refused():
    with serving() as opened, pytest.raises(InputError, match="port") as caught:
        server.PageServer(SITE, server.LOOPBACK, opened.server_port)
    assert "Address already in use" in str(caught.value)
    with pytest.raises(InputError, match=r"192\.0\.2\.1, port 0: expected an address"):
        server.PageServer(SITE, "192.0.2.1", 0)


def test_address_of_the_network(monkeypatch):
    def connect(_, place):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(server.socket.socket, "connect", connect)
    with pytest.raises(InputError, match="--host=auto: expected a local network"):
        server.find_address()
