"""A certificate for an address of the local network, and its QR code.

Phones give the camera to secure pages only. The certificate is made anew each time, and
its key is nowhere but in memory.
"""

import contextlib
import datetime
import io
import ipaddress
import os
import ssl
import tempfile

from landmark.script.errors import InputError

_DAYS = 30  # iOS takes no certificate of more than 825.
_NAME = "landmark preview"


@contextlib.contextmanager
def _require_packages():
    """Says what to install where a package is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(
            "--host: expected the packages of requirements-web.txt, found no "
            f"{error.name}; run scripts/setup_web.sh"
        ) from error


def make_certificate(host):
    """Makes a certificate for a host, and signs it by itself.

    Args:
        host: its address or name.

    Returns:
        bytes, PEM: the private key and the certificate.

    Raises:
        InputError: requirements-web.txt is not installed.
    """
    with _require_packages():
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _NAME)])
    try:
        subject = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        subject = x509.DNSName(host)
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)  # The phone's clock may be behind.
        .not_valid_after(now + _DAYS * day)
        .add_extension(x509.SubjectAlternativeName([subject]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def make_context(host):
    """Returns the ssl.SSLContext of a server with a certificate for a host.

    Raises:
        InputError: as `make_certificate`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    handle, path = tempfile.mkstemp()  # Only files can be loaded.
    try:
        with open(handle, "wb") as file:
            file.write(make_certificate(host))
        context.load_cert_chain(path)
    finally:
        os.remove(path)
    return context


def draw_code(url):
    """Returns the QR code of an address, as lines for a terminal.

    Raises:
        InputError: requirements-web.txt is not installed.
    """
    with _require_packages():
        import segno
    out = io.StringIO()
    segno.make(url, micro=False).terminal(out, compact=True, border=2)
    return out.getvalue()
