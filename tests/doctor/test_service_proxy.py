"""The mode of kube-proxy, read from its configuration: text that an administrator wrote into a ConfigMap."""

import pytest

from ringfence.doctor.objects import ConfigMap
from ringfence.doctor.observed import Observed
from ringfence.doctor.service_proxy import KUBE_PROXY_CONFIG, proxy_text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("mode: nftables", "kube-proxy in mode nftables", id="its mode"),
        pytest.param('mode: ""', "kube-proxy in mode iptables", id="the default"),
        pytest.param("", "kube-proxy, whose settings cannot be read", id="no text"),
        pytest.param("- mode", "kube-proxy, whose settings cannot be read", id="a list"),
        pytest.param("mode: 2024-99-99", "kube-proxy in mode 2024-99-99", id="no date, though it looks like one"),
        pytest.param("a: " + "[" * 30_000, "kube-proxy, whose settings cannot be read", id="deep"),
    ],
)
def test_the_mode_of_kube_proxy_is_read_from_its_configuration(text: str, said: str) -> None:
    settings = {KUBE_PROXY_CONFIG: ConfigMap(data={"config.conf": text})}
    assert proxy_text(Observed(server="v1.33.0", config_maps=settings)) == said
