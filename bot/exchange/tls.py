"""
A throw-away certificate for the exchange: in Binance's names, for this machine alone.

It is signed by an authority that is made for it and forgotten: the authority's key is never written, so that nobody
can sign anything else with it. Whoever trusts `ca.pem` can be told nothing by it but what this exchange says.
"""

import ssl
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from bot.core.errors import ConfigError

NAMES: Final = (
    "api.binance.com",
    "ws-api.binance.com",
    "stream.binance.com",
    "data-api.binance.vision",
    "data-stream.binance.vision",
    "testnet.binance.vision",
    "api1.testnet.binance.vision",
    "stream.testnet.binance.vision",
    "ws-api.testnet.binance.vision",
    "demo-api.binance.com",
    "demo-stream.binance.com",
    "demo-ws-api.binance.com",
    "localhost",
)
"""The names that the exchange answers to: Binance's for spot trading, its practice venues, and this machine's."""

_ADDRESS: Final = "127.0.0.1"
_LASTS: Final = timedelta(days=30)
_SLACK: Final = timedelta(days=1)


class Certified(Struct, frozen=True):
    """What the exchange shows, and what its clients have to trust."""

    context: ssl.SSLContext
    ca_file: Path


def certify(folder: Path, now: datetime) -> Certified:
    """
    Make a certificate and write it: `ca.pem` for clients, `exchange.pem` for the exchange, with its key.

    Args:
        folder: Made where it is not there, for its owner alone; older certificates in it are replaced.
        now: The certificate holds for a month from now.

    Raises:
        ConfigError: The folder cannot be written.
    """
    authority_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key, now)
    certificate = _certificate(key, authority, authority_key, now)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    ca_file, own_file = folder / "ca.pem", folder / "exchange.pem"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(ca_file, authority.public_bytes(Encoding.PEM))
        _write(own_file, certificate.public_bytes(Encoding.PEM) + secret)
    except OSError as error:
        raise ConfigError(f"the certificate cannot be written to {folder}: {error.strerror}") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own_file)
    return Certified(context, ca_file)


def _authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = _name("Candlewick exchange in a box")
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _unsigned(name, name, key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )


def _certificate(
    key: ec.EllipticCurvePrivateKey, authority: x509.Certificate, signer: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.Certificate:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in NAMES]
    names.append(x509.IPAddress(ip_address(_ADDRESS)))
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        _unsigned(_name(NAMES[0]), authority.subject, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer, critical=False)
        .sign(signer, SHA256())
    )


def _unsigned(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    serial = x509.random_serial_number()
    return x509.CertificateBuilder(issuer, subject, key.public_key(), serial, now - _SLACK, now + _LASTS)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _write(path: Path, pem: bytes) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    path.unlink(missing_ok=True)
    path.touch(0o600, exist_ok=False)
    path.write_bytes(pem)
