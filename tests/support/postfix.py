"""A private, real Postfix on loopback (root only), with its queue on disk and fsync. Faults by address, so that one serves every test.

tempfail@...  450 at RCPT        nouser@...  550 at RCPT        slow@...  3 s at RCPT        drop@...  421 at RCPT
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Self

from tests.support.waiting import free_port, until_greeted

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
meta_directory = /etc/postfix
shlib_directory = /usr/lib/postfix
mail_owner = postfix
setgid_group = postdrop
multi_instance_name = postfix-test{port}
multi_instance_enable = yes
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.test
mydomain = example.test
myorigin = example.test
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
local_transport = error:5.1.1 no local mail here
default_transport = {transport}
relayhost =
smtp_dns_support_level = disabled
smtp_host_lookup = native
disable_dns_lookups = yes
biff = no
append_dot_mydomain = no
smtpd_banner = $myhostname ESMTP
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions = check_recipient_access regexp:{folder}/etc/recipients, permit_mynetworks, reject
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 2000
message_size_limit = 26214400
in_flow_delay = 0
"""

MASTER = """\
127.0.0.1:{port} inet n - n - 100 smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n -  0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n -  - trivial-rewrite
bounce    unix  - - n -  0 bounce
defer     unix  - - n -  0 bounce
trace     unix  - - n -  0 bounce
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n -  - proxymap
smtp      unix  - - n -  - smtp
relay     unix  - - n -  - smtp
showq     unix  n - n -  - showq
error     unix  - - n -  - error
retry     unix  - - n -  - error
discard   unix  - - n -  - discard
anvil     unix  - - n -  1 anvil
scache    unix  - - n -  1 scache
postlog   unix-dgram n - n - 1 postlogd
"""

RECIPIENTS = """\
/^tempfail/   450 4.2.1 mailbox busy, try later
/^nouser/     550 5.1.1 no such user
/^slow/       sleep 3
/^drop/       421 4.3.2 closing
"""


def why_not() -> str | None:
    """Why no private Postfix can run here; None: it can."""
    if not Path("/usr/sbin/postfix").exists():
        return "no Postfix; apt-get install postfix"
    if os.geteuid() != 0:
        return "a private Postfix starts as root only"
    return None


class Postfix:
    """The server; what it accepts goes to *transport* ("discard:", "smtp:[127.0.0.1]:PORT")."""

    host = "127.0.0.1"

    def __init__(self, folder: Path, transport: str = "discard:") -> None:
        self.folder, self.port = folder, free_port()
        for part in (folder, *folder.parents):
            if part.stat().st_uid == 0 and part.stat().st_mode & 0o111 != 0o111:
                part.chmod(part.stat().st_mode | 0o111)  # the user postfix must reach its queue
        for name in ("etc", "spool", "data"):
            (folder / name).mkdir()
        shutil.chown(folder / "data", "postfix", "postfix")
        etc = folder / "etc"
        (etc / "main.cf").write_text(MAIN.format(folder=folder, port=self.port, transport=transport))
        (etc / "master.cf").write_text(MASTER.format(port=self.port))
        (etc / "recipients").write_text(RECIPIENTS)

    def start(self) -> Self:
        done = self._postfix("start")
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr + self.log())
        until_greeted(self.port, b"220")
        return self

    def stop(self) -> None:
        self._postfix("stop")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _postfix(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/usr/sbin/postfix", "-c", str(self.folder / "etc"), command], capture_output=True, text=True, check=False
        )

    def log(self) -> str:
        path = self.folder / "maillog"
        return path.read_text(errors="replace") if path.exists() else ""

    def accepted(self, recipient: str) -> list[str]:
        """Message-IDs of the mails that were queued and handed on to *recipient*, in order."""
        queued = dict(re.findall(r"cleanup\[\d+\]: (\w+): message-id=(<\S+>)", self.log()))
        done = re.findall(rf"\]: (\w+): to=<{re.escape(recipient)}>.*status=sent", self.log())
        return [queued[name] for name in done if name in queued]
