"""The bytes of a file: ringfence reads them as the real kubectl and API server do, including encodings and JSON."""

import codecs
import json
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence import Cluster

from .control_plane import ControlPlane

few_examples = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])

Read = dict[str, dict[str, str]]
"""The annotations of each policy, by its name."""


def kubectl_reads(api_server: ControlPlane, file: Path) -> Read:
    """The policies in a file, as the API server would store them."""
    done = api_server.kubectl("create", f"--filename={file}", "--dry-run=server", "--output=json", check=False)
    decoder, text, start = json.JSONDecoder(), done.stdout, 0
    found: Read = {}
    while start < len(text):
        tree, start = decoder.raw_decode(text, start)
        start += len(text[start:]) - len(text[start:].lstrip())
        found[tree["metadata"]["name"]] = tree["metadata"].get("annotations", {})
    return found


def we_read(file: Path) -> Read:
    return {policy.metadata.name: policy.metadata.annotations or {} for policy in Cluster.load(file).policies()}


def policy(name: str, annotation: str = "x") -> str:
    return (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        f"metadata: {{name: {name}, annotations: {{a: '{annotation}'}}}}\nspec: {{podSelector: {{}}}}\n"
    )


def in_json(name: str, after: str = "") -> str:
    """A policy as JSON, with the given text after its last field."""
    tree = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "annotations": {"a": "x"}},
        "spec": {"podSelector": {}},
    }
    return json.dumps(tree, indent=1).removesuffix("\n}") + f"{after}\n}}\n"


TEXT: Final = policy("one", "ä 😀")
COMMA: Final = in_json("one", ",")
FILES: Final = {
    "UTF-8 with a byte order mark": codecs.BOM_UTF8 + TEXT.encode(),
    "UTF-8 with two": 2 * codecs.BOM_UTF8 + TEXT.encode(),
    "UTF-16, little endian": codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
    "UTF-16, big endian": codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    "UTF-16 with half a pair": codecs.BOM_UTF16_LE + policy("one", "a\ud800b").encode("utf-16-le", "surrogatepass"),
    "UTF-16 with half a character": codecs.BOM_UTF16_LE + f"{TEXT}#".encode("utf-16-le") + b"\x20",
    "UTF-16 without a mark": TEXT.encode("utf-16-le"),
    "UTF-32": codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"),
    "Latin-1 in a comment": b"# caf\xe9\n" + TEXT.encode(),
    "Latin-1 in a value": policy("one", "café").encode("latin-1"),
    "broken UTF-8": policy("one", "@").encode().replace(b"@", b"a\xe2\x82b\xff\xffc\xf0\x9fd\xed\xa0\x80"),
    "a mark after a separator": f"{policy('one')}---\n\ufeff{policy('two')}".encode(),
    "a mark before a separator": f"{policy('one')}\ufeff---\n{policy('two')}".encode(),
    "a null character": policy("one", "a\0").encode(),
    "a control character in a comment": b"# \x01\n" + TEXT.encode(),
    "other line breaks": policy("one").replace("\n", "\x85").encode(),
    "carriage returns": policy("one").replace("\n", "\r").encode(),
    "a comma too many": COMMA.encode(),
    "a comma too many after JSON": (in_json("two") + COMMA).encode(),
    "a comma too many after a separator": f"{in_json('two')}---\n{COMMA}---\n{policy('three')}".encode(),
    "YAML behind JSON": (in_json("one") + policy("two")).encode(),
    "YAML behind JSON and a separator": f"{in_json('one')}---\n{policy('two')}".encode(),
    "JSON behind YAML and a separator": f"{policy('one')}---\n{in_json('two')}".encode(),
    "text behind JSON": (in_json("one") + "the end").encode(),
    "a comment behind JSON": (in_json("one") + "# the end").encode(),
    "a comment in front of JSON": ("# the start\n" + in_json("one")).encode(),
    "a comment of YAML in JSON": in_json("one").replace(",", ", # x", 1).encode(),
    "a comment of JavaScript in JSON": in_json("one").replace("{", "{ // x", 1).encode(),
    "names without quotes": in_json("one").replace('"one"', "one").encode(),
    "single quotes": in_json("one").replace('"', "'").encode(),
    "tabs": in_json("one", ",").replace("\n ", "\n\t").encode(),
    "a line break in a text": in_json("one").replace('"x"', '"x\ny"').encode(),
    "an unknown escape": in_json("one").replace('"x"', '"x\\q"').encode(),
    "half of JSON": in_json("one")[:60].encode(),
}


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_a_file_of_bytes_is_read_as_kubectl_reads_it(api_server: ControlPlane, tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(data)
    assert we_read(file) == kubectl_reads(api_server, file)


@few_examples
@given(st.binary(max_size=30).filter(lambda data: not set(data) & set(b"\r\n")))
def test_any_bytes_in_a_comment_are_read_as_kubectl_reads_them(
    api_server: ControlPlane, tmp_path: Path, data: bytes
) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(b"# " + data + b"\n" + TEXT.encode())
    assert we_read(file) == kubectl_reads(api_server, file)
