"""A private Dovecot 2.3 on loopback, from one configuration file in a folder of its own; as root or as a plain user.

    with Dovecot(folder) as server:
        server.deliver("anna", raw)            # any user name exists as soon as it is used
        server.folders("anna")                 # {"INBOX": 1, ...}

Start 0.05 s, stop 1.1 s (it waits for its children): start one for a whole test session, and give each test a user of its own.
"""

from __future__ import annotations

import getpass
import grp
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from imapclient import IMAPClient

from tests.support.waiting import LONG, free_port, until_greeted

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
PASSWORD = "secret"
WITHOUT_MOVE = (
    "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT THREAD=REFERENCES MULTIAPPEND UNSELECT CHILDREN NAMESPACE "
    "UIDPLUS LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH LIST-STATUS BINARY SPECIAL-USE LITERAL+"
)

CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
instance_name = test{port}
{users}
first_valid_uid = 0
first_valid_gid = 0
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0 secs
mail_location = {location}
mail_fsync = never
mail_max_userip_connections = 200
imap_idle_notify_interval = 2 mins
mail_plugins = {plugins}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  prefix = {prefix}
  separator = {separator}
  mailbox Sent {{
    auto = create
    special_use = \\Sent
  }}
}}
protocol imap {{
  mail_plugins = $mail_plugins {imap_plugins}
  {capability}
}}
service imap-login {{
  chroot = {login_chroot}
  process_min_avail = 1
  service_count = 0
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot = {anvil_chroot}
}}
service stats {{
  chroot =
}}
plugin {{
{plugin_settings}
}}
"""


def why_not() -> str | None:
    """Why there is no Dovecot that these tests can use; None: there is one."""
    program = shutil.which("dovecot", path=PATH)
    if program is None:
        return "no Dovecot; apt-get install dovecot-imapd"
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    if not version.startswith("2.3."):
        return f"Dovecot {version.split()[0] if version else '?'}: these tests write configuration for 2.3"
    return None


class Dovecot:
    """The server. `port` speaks plain IMAP and STARTTLS, `tls_port` implicit TLS with `ca_file` as the certificate to trust."""

    host = "127.0.0.1"

    def __init__(
        self,
        folder: Path,
        *,
        storage: str = "sdbox",
        prefix: str = "",
        separator: str = "/",
        capability: str | None = None,
        quota: str | None = None,
        acl: bool = False,
    ) -> None:
        """
        Args:
            folder: empty; everything lies below it.
            storage: sdbox (fast) or maildir (files that tests can look at).
            prefix, separator: of the namespace; "INBOX." and "." as Cyrus and Courier have them.
            capability: announced instead of Dovecot's own.
            quota: "1M": for each user.
            acl: a file dovecot-acl in a mailbox's folder restricts what its owner may do.
        """
        self.folder, self.port, self.tls_port = folder, free_port(), free_port()
        self.prefix, self.separator = prefix, separator
        self._process: subprocess.Popen[bytes] | None = None
        root = os.geteuid() == 0
        me, group = getpass.getuser(), grp.getgrgid(os.getgid()).gr_name
        for name in ("run", "state", "mail"):
            (folder / name).mkdir(parents=True)
        uid, gid = os.getuid(), os.getgid()
        if root:
            uid = gid = 65534  # nobody: Dovecot's own users never own mail
            os.chown(folder / "mail", uid, gid)
            for part in (folder, *folder.parents):
                if part.stat().st_uid == 0 and part.stat().st_mode & 0o111 != 0o111:
                    part.chmod(part.stat().st_mode | 0o111)  # the mail user must reach its folder
        _make_certificate(folder)
        plugins = [*(["quota"] if quota else []), *(["acl"] if acl else [])]
        users = (
            "" if root else f"default_internal_user = {me}\ndefault_internal_group = {group}\ndefault_login_user = {me}"
        )
        settings = []
        if quota:
            settings += ["  quota = count:user", f"  quota_rule = *:storage={quota}", "  quota_vsizes = yes"]
        if acl:
            settings += ["  acl = vfile"]
        (folder / "dovecot.conf").write_text(
            CONFIGURATION.format(
                folder=folder, port=self.port, tls_port=self.tls_port, users=users, uid=uid, gid=gid, password=PASSWORD,
                location={"sdbox": "sdbox:~/sdbox", "maildir": "maildir:~/Maildir"}[storage], prefix=prefix,
                separator=separator, plugins=" ".join(plugins), plugin_settings="\n".join(settings),
                imap_plugins="imap_quota imap_acl" if quota and acl else "imap_quota" if quota else "",
                capability=f"imap_capability = {capability}" if capability else "",
                login_chroot="login" if root else "", anvil_chroot="empty" if root else "",
            )
        )  # fmt: skip

    # -- life --------------------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        program = shutil.which("dovecot", path=PATH)
        if program is None:
            raise FileNotFoundError("dovecot is not installed")
        self._process = subprocess.Popen([program, "-F", "-c", str(self.folder / "dovecot.conf")])
        try:
            until_greeted(self.port, b"* OK")
        except TimeoutError:
            self.stop()
            raise RuntimeError(self.log()) from None
        return self

    def stop(self) -> None:
        """End the master and, through it, every child (SIGKILL would leave those running)."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(LONG)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def log(self) -> str:
        path = self.folder / "dovecot.log"
        return path.read_text(errors="replace") if path.exists() else "no log"

    @property
    def ca_file(self) -> Path:
        return self.folder / "cert.pem"

    def kick(self, user: str) -> None:
        """Cut every session of *user*, as a server that restarts does."""
        command = ["doveadm", "-c", str(self.folder / "dovecot.conf"), "kick", user]
        subprocess.run(command, check=False, capture_output=True, env={**os.environ, "PATH": PATH})

    # -- mail --------------------------------------------------------------------------------------------------------------

    @contextmanager
    def login(self, user: str) -> Iterator[IMAPClient]:
        """A session of another client of the same account."""
        client = IMAPClient(self.host, port=self.port, ssl=False, timeout=20)
        try:
            client.login(user, PASSWORD)
            yield client
        finally:
            client.logout()

    def name(self, folder: str) -> str:
        """ "Triaged/Logistics" as this server writes it."""
        return "INBOX" if folder == "INBOX" else self.prefix + folder.replace("/", self.separator)

    def deliver(
        self,
        user: str,
        *mails: bytes,
        folder: str = "INBOX",
        received_at: datetime | None = None,
        flags: Sequence[bytes] = (),
    ) -> None:
        """Put *mails* (CRLF line ends) into a folder in one go; *received_at* becomes INTERNALDATE."""
        at = received_at or datetime.now(UTC)
        with self.login(user) as client:
            client.multiappend(self.name(folder), [{"msg": mail, "flags": flags, "date": at} for mail in mails])

    def folders(self, user: str) -> dict[str, int]:
        """Every folder that holds mail, as the configuration names it, with the number of mails."""
        with self.login(user) as client:
            names = [name for flags, _, name in client.list_folders() if b"\\Noselect" not in flags]
            counts = {name: int(client.folder_status(name, ["MESSAGES"])[b"MESSAGES"]) for name in names}
        return {self._plain(name): count for name, count in counts.items() if count}

    def mails(self, user: str, folder: str = "INBOX") -> dict[int, bytes]:
        """UID to the mail's bytes."""
        with self.login(user) as client:
            client.select_folder(self.name(folder), readonly=True)
            uids = client.search()
            return {uid: item[b"BODY[]"] for uid, item in client.fetch(uids, ["BODY.PEEK[]"]).items()} if uids else {}

    def all_mails(self, user: str) -> dict[str, list[bytes]]:
        """Every folder that holds mail, with the bytes of each."""
        found: dict[str, list[bytes]] = {}
        with self.login(user) as client:
            for flags, _, name in client.list_folders():
                if b"\\Noselect" in flags:
                    continue
                client.select_folder(name, readonly=True)
                uids = client.search()
                if uids:
                    found[self._plain(name)] = [
                        item[b"BODY[]"] for item in client.fetch(uids, ["BODY.PEEK[]"]).values()
                    ]
        return found

    def flags(self, user: str, folder: str = "INBOX") -> dict[int, frozenset[bytes]]:
        with self.login(user) as client:
            client.select_folder(self.name(folder), readonly=True)
            uids = client.search()
            return (
                {uid: frozenset(item[b"FLAGS"]) for uid, item in client.fetch(uids, ["FLAGS"]).items()} if uids else {}
            )

    def _plain(self, name: str) -> str:
        if name.upper() == "INBOX":
            return "INBOX"
        return name.removeprefix(self.prefix).replace(self.separator, "/")


def _make_certificate(folder: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(folder / "key.pem"),
         "-out", str(folder / "cert.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
