"""What the server says when it starts: where it can be reached, and what visitors see of each other."""

import ipaddress
import socket
from typing import Any

import streamlit as st

from ui import gate


def announcement() -> str:
    """What the server says when it starts: where it can be reached, and what visitors see of each other."""
    base = f":{st.get_option('server.port')}{base_path()}"
    host = st.get_option("server.address") or "0.0.0.0"
    lines = [f"Glassbox: http://{_in_url(address)}{base}/" for address in _addresses(host)]
    if is_open(host):
        lines += [
            "Everybody who reaches these addresses can use the app. Visitors see and steer their own runs, and those",
            "whose address they were given; of other visitors they see nothing but how busy the machine is.",
        ]
    else:
        lines.append("Only this machine can reach it; make run HOST=0.0.0.0 opens it to others.")
    return "\n".join([*lines, f"All runs: http://{_in_url(_addresses(host)[0])}{base}/runs?{gate.KEY}={gate.key}"])


def base_path() -> str:
    """What a reverse proxy puts before all paths, as in "/glass"; empty if there is none."""
    return f"/{st.get_option('server.baseUrlPath').strip('/')}".rstrip("/")


def is_open(host: str) -> bool:
    """Whether other machines can reach a server that listens on a host."""
    return host != "localhost" and not (_is_ip(host) and ipaddress.ip_address(host).is_loopback)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _addresses(host: str) -> list[str]:
    """The addresses of a server that listens on a host; those of this machine if it listens on all."""
    if not (_is_ip(host) and ipaddress.ip_address(host).is_unspecified):
        return [host]
    found = {str(info[4][0]) for info in _resolve(socket.gethostname())} | {_outgoing_address()}
    return [*sorted(address for address in found if address and is_open(address)), socket.gethostname()]


def _resolve(name: str) -> list[Any]:
    try:
        return socket.getaddrinfo(name, None, socket.AF_INET)
    except OSError:
        return []


def _outgoing_address() -> str:
    """The address of this machine on the way to another network; empty if there is none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address that is reserved for documentation
        except OSError:
            return ""
        return str(probe.getsockname()[0])
