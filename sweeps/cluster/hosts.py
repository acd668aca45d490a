"""Commands on the cluster's hosts by the system's ssh, which checks their keys."""

import shlex
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from simcvd.errors import UserError
from sweeps.cluster.cluster_file import ClusterFile

CONNECT_S: Final = 10
NO_SSH: Final = "There is no ssh on this machine; install OpenSSH's client."
_SSH_FAILED: Final = 255


class UnreachableError(UserError):
    """A host can't be reached, or does not let in."""


@dataclass(frozen=True)
class Host:
    """One host as this machine reaches it.

    Attributes:
        cluster: whose it is.
        address: its address.
        via: host to jump over, where it is not reached directly.
    """

    cluster: ClusterFile
    address: str
    via: str | None = None

    def ssh(self, *options: str) -> list[str]:
        """Return the ssh command that logs in, without what is to run there."""
        cluster = self.cluster
        settings = {
            "BatchMode": "yes",
            "ConnectTimeout": str(CONNECT_S),
            "StrictHostKeyChecking": checks(cluster),
            "ServerAliveInterval": "5",
            "ServerAliveCountMax": "3",
        }
        if cluster.private_key is not None:
            settings["IdentitiesOnly"] = "yes"
        if cluster.proxy_command is not None:
            settings["ProxyCommand"] = cluster.proxy_command
        elif self.via is not None:
            # Not ProxyJump: it takes neither the key nor the checks along to the host in between.
            way = Host(cluster, self.via).ssh("-W", "%h:%p")
            settings["ProxyCommand"] = shlex.join(way)
        command = ["ssh", *(part for key, value in settings.items() for part in ("-o", f"{key}={value}"))]
        if cluster.private_key is not None:
            command += ["-i", str(cluster.private_key)]
        return [*command, *options, f"{cluster.user}@{self.address}"]

    def run(
        self, command: str, *, stdin: bytes | None = None, timeout_s: float = 60.0
    ) -> "subprocess.CompletedProcess[str]":
        """Run a shell command there and return how it ended.

        Args:
            command: for the host's shell.
            stdin: what it reads; secrets go this way, since command lines can be seen by all users of a host.
            timeout_s: longest time.

        Raises:
            UnreachableError: the host can't be reached, or does not answer in time.
        """
        try:
            done = subprocess.run(
                [*self.ssh(), command], input=stdin or b"", capture_output=True, timeout=timeout_s, check=False
            )
        except FileNotFoundError as error:
            raise UserError(NO_SSH) from error
        except subprocess.TimeoutExpired as error:
            raise UnreachableError(
                f"{self.address} did not answer within {timeout_s:.0f} s to: {command[:80]}"
            ) from error
        result = subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        )
        if result.returncode == _SSH_FAILED:
            raise UnreachableError(self.unreachable(result.stderr))
        return result

    def unreachable(self, told: str) -> str:
        """Return the sentence for what ssh said."""
        login = shlex.join(["ssh", f"{self.cluster.user}@{self.address}"])
        last = next(reversed([line.strip() for line in told.splitlines() if line.strip()]), "ssh gave no reason")
        if "REMOTE HOST IDENTIFICATION HAS CHANGED" in told:
            return (
                f"{self.address} has another host key than before: it was set up anew, or something answers in its "
                f"place; compare the keys, and remove the old one with ssh-keygen -R {self.address}."
            )
        if "Host key verification failed" in told or "authenticity of host" in told:
            return f"The host key of {self.address} is not known here; log in once by hand and compare it: {login}."
        if "Permission denied" in told:
            key = self.cluster.private_key
            with_key = f"the key {key}" if key is not None else "ssh's default keys"
            return (
                f"{self.address} refuses {self.cluster.user} with {with_key}; set auth.ssh_user and "
                f"auth.ssh_private_key in {self.cluster.path}, or let the host accept the key."
            )
        return f"{self.address} can't be reached ({last.rstrip('.')}); see that it is up and {login} works."


def checks(cluster: ClusterFile) -> str:
    """Return ssh's `StrictHostKeyChecking`: own hosts are known, or somebody is in between; a cloud makes new ones."""
    return "yes" if cluster.is_local else "accept-new"


def reach_all(hosts: Sequence[Host]) -> list[tuple[Host, str | None]]:
    """Log in to all hosts side by side and return each with why it can't be reached, or none."""

    def reach(host: Host) -> str | None:
        try:
            host.run("true", timeout_s=CONNECT_S + 10)
        except UserError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(min(32, max(1, len(hosts)))) as pool:
        return list(zip(hosts, pool.map(reach, hosts), strict=True))
