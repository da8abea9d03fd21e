"""The certificate for an address, and its QR code."""

import datetime
import ssl
import sys

import pytest

from landmark.script.errors import InputError
from landmark.web import certificate


def test_certificate_is_for_the_address():
    x509 = pytest.importorskip("cryptography.x509")
    for host, values in (("192.168.1.7", ["192.168.1.7"]), ("::1", ["::1"])):
        made = certificate.make_certificate(host)
        (read,) = x509.load_pem_x509_certificates(made)
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        addresses = names.value.get_values_for_type(x509.IPAddress)
        assert list(map(str, addresses)) == values
    (read,) = x509.load_pem_x509_certificates(
        certificate.make_certificate("host.local")
    )
    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["host.local"]
    lifetime = read.not_valid_after_utc - read.not_valid_before_utc
    assert lifetime < datetime.timedelta(days=825)
    used = read.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert x509.ExtendedKeyUsageOID.SERVER_AUTH in used.value


def test_context_serves_and_leaves_no_key(tmp_path, monkeypatch):
    pytest.importorskip("cryptography")
    monkeypatch.setattr(certificate.tempfile, "tempdir", str(tmp_path))
    assert isinstance(certificate.make_context("127.0.0.1"), ssl.SSLContext)
    assert not list(tmp_path.iterdir())


def test_code_is_drawn():
    pytest.importorskip("segno")
    lines = certificate.draw_code("https://192.168.1.7:8000/").splitlines()
    assert len(lines) > 10
    assert set("".join(lines)) & set("█▀▄")


@pytest.mark.parametrize(
    ("package", "function"),
    [("cryptography", "make_certificate"), ("segno", "draw_code")],
)
def test_missing_package_is_to_be_installed(monkeypatch, package, function):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match="requirements-web.txt.*scripts/setup_web.sh"):
        getattr(certificate, function)("192.168.1.7")
