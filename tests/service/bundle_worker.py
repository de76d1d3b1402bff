"""A real worker that serves a bundle under a release's name, so that tests of routing need no sealed release: `--key` is the name."""

import argparse
import socket
import sys
from pathlib import Path

from gonogo.release.contents import Bundle
from gonogo.service.answering.loading import served_bundle
from gonogo.service.worker import serve

parser = argparse.ArgumentParser()
parser.add_argument("--release-dir", type=Path)
parser.add_argument("--key")
for name in ("--public-fd", "--unix-fd", "--control-fd"):
    parser.add_argument(name, type=int)
given = parser.parse_args()
public, private, control = (socket.socket(fileno=fd) for fd in (given.public_fd, given.unix_fd, given.control_fd))
sys.exit(serve(lambda: (served_bundle(given.key, Bundle.open(given.release_dir), {}), {}), [public], private, control))
