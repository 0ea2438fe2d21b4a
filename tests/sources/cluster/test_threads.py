"""Watches begin at the same moment, each in a thread of its own, and must not meet in a type that is used first.

A process of its own is needed, in which no type has been used yet; each of its children tries once.
"""

import subprocess
import sys

import pytest

CHILDREN = 40

SCRIPT = f"""
import os, sys, threading, tempfile, json
from pathlib import Path
from ringfence.agent.view import FOLLOWED
from ringfence.model.decoding import decode_json
from ringfence.sources.cluster import ApiServer, Watch, responses
import msgspec

folder = tempfile.mkdtemp()
config = Path(folder) / "config"
config.write_text(json.dumps({{
    "current-context": "c", "contexts": [{{"name": "c", "context": {{"cluster": "c", "user": "u"}}}}],
    "clusters": [{{"name": "c", "cluster": {{"server": "http://127.0.0.1:1"}}}}],
    "users": [{{"name": "u", "user": {{}}}}],
}}))

def attempt():
    watches = [Watch(one, ApiServer(kubeconfig=str(config)), lambda event: None) for one in FOLLOWED]
    sys.setswitchinterval(1e-7)
    barrier = threading.Barrier(2 * len(watches))

    def begin(watch):
        barrier.wait()
        msgspec.json.decode(b'{{"metadata": {{}}, "items": []}}', type=responses.ListPage)
        decode_json(b'{{"metadata": {{"name": "a"}}, "spec": {{}}}}', watch.resource.row)

    threads = [threading.Thread(target=begin, args=(one,)) for one in 2 * watches]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

failed = 0
for _ in range({CHILDREN}):
    child = os.fork()
    if child == 0:
        attempt()
        os._exit(0)
    failed += os.waitpid(child, 0)[1] != 0
config.unlink()
os.rmdir(folder)
print(failed)
"""


@pytest.mark.takes_long
def test_all_kinds_are_read_at_the_same_moment() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0", f"of {CHILDREN} processes, so many crashed"
