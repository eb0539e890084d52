"""Certificates for servers of tests, made by OpenSSL's own program."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

OPENSSL = shutil.which("openssl")

_NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"


@dataclass(frozen=True)
class Authority:
    """A certificate authority that nobody trusts who was not told to."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Authority":
        """Make one, with its files in `folder`."""
        authority = cls(folder)
        signs = "-addext keyUsage=critical,keyCertSign"
        _openssl(folder, f"req -x509 {_NEW_KEY} -days 2 -subj /CN=Tests {signs} -keyout ca.key -out ca.pem")
        return authority

    @property
    def file(self) -> Path:
        """Its own certificate."""
        return self.folder / "ca.pem"

    def trusted(self) -> ssl.SSLContext:
        """Return what a client verifies by that trusts this authority alone."""
        return ssl.create_default_context(cafile=str(self.file))

    def server(self, name: str) -> ssl.SSLContext:
        """Return what a server proves by that it is `name`."""
        names = f"-subj /CN={name} -addext subjectAltName=DNS:{name}"
        signed = "-CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -copy_extensions copy"
        _openssl(self.folder, f"req {_NEW_KEY} {names} -keyout {name}.key -out {name}.csr")
        _openssl(self.folder, f"x509 -req -in {name}.csr {signed} -out {name}.pem")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return context


def _openssl(folder: Path, arguments: str) -> None:
    assert OPENSSL is not None
    subprocess.run([OPENSSL, *arguments.split()], cwd=folder, check=True, capture_output=True)  # noqa: S603  ours
