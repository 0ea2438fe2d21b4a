"""`-l` selects the policies that the real API server selects, and refuses the selectors that it refuses."""

from urllib.parse import quote

import pytest

from ringfence.model.selector_text import ListSelector, parse_list_selector

from .control_plane import ControlPlane

POLICIES = {
    "plain": {},
    "web": {"app": "web", "tier": "1"},
    "db": {"app": "db", "tier": "10", "in": "in"},
    "empty": {"app": "", "tier": ""},
    "words": {"tier": "high", "canary": "yes", "example.com/app": "web"},
}

SELECTORS = """
    app=web
    app==web
    app!=web
    app=
    app!=
    app
    !app
    ! app
    !!app
    !app=web
    app=!web
    app===web
    app=web,
    ,app=web
    app=web,,tier
    app=web,tier=1
    app=web tier
    app web
    app in (web,db)
    app notin (web,db)
    app in (web,)
    app in (,)
    app in (,web)
    app in (web,,db)
    app in ()
    app notin ( )
    app in (
    app in (!web)
    app in (web,-b,-c)
    app in (web
    app in web
    app in (web db)
    in in (in)
    in
    notin
    app IN (web)
    tier>1
    tier>0
    tier<10
    tier<11,tier>0
    tier>high
    tier>
    tier>-1
    tier>=1
    tier>9223372036854775807
    tier>9223372036854775808
    example.com/app=web
    a/b/c
    -app
    app=-web
    (app)
    )
""".strip().splitlines()


@pytest.fixture(scope="module")
def path(api_server: ControlPlane) -> str:
    path = "/apis/networking.k8s.io/v1/namespaces/selectors/networkpolicies"
    api_server.request("POST", "/api/v1/namespaces", {"metadata": {"name": "selectors"}})
    for name, labels in POLICIES.items():
        body = {"metadata": {"name": name, "labels": labels}, "spec": {"podSelector": {}}}
        assert api_server.request("POST", path, body).status == 201
    return path


@pytest.mark.parametrize("text", [text.strip() for text in SELECTORS])
def test_the_same_policies_are_selected(api_server: ControlPlane, path: str, text: str) -> None:
    answer = api_server.request("GET", f"{path}?labelSelector={quote(text)}")
    refusal = ""
    selector: ListSelector | None
    try:
        selector = parse_list_selector(text)
    except ValueError as error:
        refusal = str(error)
        selector = None
    if selector is None:
        assert answer.status == 400, f"refused here: {refusal}"
        if "key: " not in refusal:  # where upstream prints `<nil>`
            assert answer.body["message"] == refusal
        return
    assert answer.status == 200, answer.body
    selected = {item["metadata"]["name"] for item in answer.body["items"]}
    assert selected == {name for name, labels in POLICIES.items() if selector.matches(labels)}
