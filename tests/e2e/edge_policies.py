"""Policies that are wrong or nearly wrong: one for each check that an API server does, and for each edge of it.

They are YAML, as a person writes them. The file does not contain the expected errors: the real server reports them.
"""

from collections.abc import Iterator
from textwrap import dedent, indent
from typing import Final

SPECS: Final = {
    # Ports
    "protocol in lower case": "ingress: [{ports: [{protocol: tcp}]}]",
    "protocol that policies do not know": "egress: [{ports: [{protocol: ICMP}]}]",
    "protocol empty": 'ingress: [{ports: [{protocol: ""}]}]',
    "port 0": "ingress: [{ports: [{port: 0}]}]",
    "port 65536": "egress: [{ports: [{port: 65536}]}]",
    "port negative": "ingress: [{ports: [{port: -1}]}]",
    "port name of 16 characters": "ingress: [{ports: [{port: sixteen-letters-}, {port: sixteen-lettersx}]}]",
    "port name too long": "ingress: [{ports: [{port: a-very-long-port-name}]}]",
    "port name with an underscore": "ingress: [{ports: [{port: my_port}]}]",
    "port name in capitals": "ingress: [{ports: [{port: HTTP}]}]",
    "port name empty": 'ingress: [{ports: [{port: ""}]}]',
    "port number in quotes": 'ingress: [{ports: [{port: "80"}]}]',
    "port range as a name": 'ingress: [{ports: [{port: "8080-8090"}]}]',
    "port name with two hyphens": "ingress: [{ports: [{port: a--b}]}]",
    "port name between hyphens": 'ingress: [{ports: [{port: "-a-"}]}]',
    "port name that is wrong in every way": 'ingress: [{ports: [{port: "-1--2_3-4567890123"}]}]',
    "port name with a letter beyond ASCII": 'ingress: [{ports: [{port: "pört"}]}]',
    "endPort below port": "ingress: [{ports: [{port: 90, endPort: 80}]}]",
    "endPort 70000": "ingress: [{ports: [{port: 90, endPort: 70000}]}]",
    "endPort 0": "ingress: [{ports: [{port: 90, endPort: 0}]}]",
    "endPort with a named port": "ingress: [{ports: [{port: web, endPort: 90}]}]",
    "endPort with a wrong name": "ingress: [{ports: [{port: my_port, endPort: 90}]}]",
    "endPort without port": "ingress: [{ports: [{endPort: 90}]}]",
    "endPort of port 0": "ingress: [{ports: [{port: 0, endPort: 90}]}]",
    "endPort 0 without port": "ingress: [{ports: [{endPort: 0}]}]",
    "endPort equal to port": "ingress: [{ports: [{port: 90, endPort: 90}]}]",
    "port entry empty": "ingress: [{ports: [{}]}]",
    "port entry null": "ingress: [{ports: [null]}]",
    "everything wrong with one port": "ingress: [{ports: [{protocol: tcp, port: 0, endPort: -1}]}]",
    # Peers
    "peer empty": "ingress: [{from: [{}]}]",
    "peer null": "egress: [{to: [null]}]",
    "peer with a null selector": "ingress: [{from: [{podSelector: null}]}]",
    "ipBlock and podSelector": "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}]",
    "ipBlock and namespaceSelector": "egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}, namespaceSelector: {}}]}]",
    "ipBlock and both selectors, all wrong": """
        ingress:
        - from:
          - ipBlock: {cidr: 10.0.0.0}
            podSelector: {matchLabels: {a: x y}}
            namespaceSelector: {matchExpressions: [{key: a, operator: in}]}
    """,
    "both selectors": "ingress: [{from: [{podSelector: {}, namespaceSelector: {}}]}]",
    # ipBlock
    "ipBlock empty": "ingress: [{from: [{ipBlock: {}}]}]",
    "ipBlock with only except": "ingress: [{from: [{ipBlock: {except: [nonsense]}}]}]",
    "cidr empty": 'ingress: [{from: [{ipBlock: {cidr: ""}}]}]',
    "cidr that is an address": "ingress: [{from: [{ipBlock: {cidr: 10.0.0.1}}]}]",
    "cidr with a byte of 300": "ingress: [{from: [{ipBlock: {cidr: 300.0.0.0/8}}]}]",
    "cidr with 33 bits": "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/33}}]}]",
    "cidr cut short": "ingress: [{from: [{ipBlock: {cidr: 10.0/16}}]}]",
    "cidr with a netmask": "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/255.0.0.0}}]}]",
    "cidr with a leading blank": 'ingress: [{from: [{ipBlock: {cidr: " 10.0.0.0/8"}}]}]',
    "cidr with a zone": "ingress: [{from: [{ipBlock: {cidr: 'fe80::%eth0/64'}}]}]",
    "cidr with a sign": "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/+8}}]}]",
    "cidr of 129 bits": "ingress: [{from: [{ipBlock: {cidr: '::/129'}}]}]",
    "cidr with host bits": "ingress: [{from: [{ipBlock: {cidr: 10.0.0.5/24}}]}]",
    "cidr with host bits of the other family": "ingress: [{from: [{ipBlock: {cidr: '2001:db8::1/64'}}]}]",
    "cidr with leading zeros": "ingress: [{from: [{ipBlock: {cidr: 010.0.0.0/8}}]}]",
    "cidr with a leading zero in its length": "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/08}}]}]",
    "cidr with host bits and leading zeros": "ingress: [{from: [{ipBlock: {cidr: 010.0.0.5/08}}]}]",
    "cidr of IPv4 in IPv6": "ingress: [{from: [{ipBlock: {cidr: '::ffff:10.0.0.0/104'}}]}]",
    "cidr of IPv4 in IPv6, short": "ingress: [{from: [{ipBlock: {cidr: '::ffff:0.0.0.0/0'}}]}]",
    "cidr in capitals": "ingress: [{from: [{ipBlock: {cidr: '2001:DB8::/32'}}]}]",
    "cidr not shortened": "ingress: [{from: [{ipBlock: {cidr: '2001:0db8:0:0::/32'}}]}]",
    "cidr with host bits, in capitals": "ingress: [{from: [{ipBlock: {cidr: '2001:DB8::1/32'}}]}]",
    "cidr of everything": "ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: '::/0'}}]}]",
    "except that is an address": "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.1]}}]}]",
    "except empty": "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: ['']}}]}]",
    "except null": "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [null]}}]}]",
    "except outside": "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, 192.168.0.0/16]}}]}]",
    "except around cidr": "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [0.0.0.0/0]}}]}]",
    "except equal to cidr": "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]",
    "except of the other family": "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: ['2001:db8::/32']}}]}]",
    "except with host bits": "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.2.3/16]}}]}]",
    "except with leading zeros": "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.01.0.0/16]}}]}]",
    "except not shortened": "ingress: [{from: [{ipBlock: {cidr: '2001:db8::/32', except: ['2001:db8:0::/48']}}]}]",
    "excepts twice and overlapping": """
        ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.1.0.0/16, 10.1.2.0/24]}}]}]
    """,
    "except of a wrong cidr": "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0, except: [nonsense]}}]}]",
    # policyTypes
    "policyTypes of three": "policyTypes: [Ingress, Egress, Ingress]",
    "policyTypes of three, wrong": "policyTypes: [ingress, egress, both]",
    "policyTypes in lower case": "policyTypes: [ingress, Egress]",
    "policyTypes empty word": 'policyTypes: ["", "Egress"]',
    "policyTypes twice the same": "policyTypes: [Ingress, Ingress]",
    "policyTypes without its rules": "{policyTypes: [Egress], ingress: [{}]}",
    "policyTypes null": "{policyTypes: null, ingress: null, egress: null, podSelector: null}",
    # Label selectors
    "label key with a blank": "podSelector: {matchLabels: {bad key: x}}",
    "label value with a blank": "podSelector: {matchLabels: {a: x y}}",
    "label value of a star": 'podSelector: {matchLabels: {a: "*"}}',
    "label value empty": 'podSelector: {matchLabels: {a: ""}}',
    "label value null": "podSelector: {matchLabels: {a: null}}",
    "label value of 63 bytes": f"podSelector: {{matchLabels: {{a: {'v' * 63}}}}}",
    "label value of 64 bytes": f"podSelector: {{matchLabels: {{a: {'v' * 64}}}}}",
    "label value of 64 bytes, wrong too": f"podSelector: {{matchLabels: {{a: {'-' + 'v' * 63}}}}}",
    "label value beyond ASCII": "podSelector: {matchLabels: {a: ünï}}",
    "label value with a quote and a newline": 'podSelector: {matchLabels: {a: "x\\"y\\n\\u2028\\u007f"}}',
    "label key of 64 bytes": f"podSelector: {{matchLabels: {{{'k' * 64}: x}}}}",
    "label key empty": 'podSelector: {matchLabels: {"": x}}',
    "label key without a name": "podSelector: {matchLabels: {a/: x}}",
    "label key without a prefix": "podSelector: {matchLabels: {/b: x}}",
    "label key with a wrong prefix": "podSelector: {matchLabels: {-x/y: x}}",
    "label key with a long prefix": f"podSelector: {{matchLabels: {{{'p' * 254}/y: x}}}}",
    "label key with a long wrong prefix": f"podSelector: {{matchLabels: {{{'P' * 254}/y: x}}}}",
    "label key with two slashes": "podSelector: {matchLabels: {a/b/c: x}}",
    "label key and value wrong": "podSelector: {matchLabels: {bad key: x y}}",
    "In without values": "podSelector: {matchExpressions: [{key: a, operator: In}]}",
    "NotIn with an empty list": "podSelector: {matchExpressions: [{key: a, operator: NotIn, values: []}]}",
    "Exists with values": "podSelector: {matchExpressions: [{key: a, operator: Exists, values: [x]}]}",
    "DoesNotExist with values": "podSelector: {matchExpressions: [{key: a, operator: DoesNotExist, values: [x]}]}",
    "operator in lower case": "podSelector: {matchExpressions: [{key: a, operator: in, values: [x]}]}",
    "operator missing": "podSelector: {matchExpressions: [{key: a, values: [x]}]}",
    "operator of node affinity": "podSelector: {matchExpressions: [{key: a, operator: Gt, values: ['1']}]}",
    "expression empty": "podSelector: {matchExpressions: [{}]}",
    "expression with a wrong key": "podSelector: {matchExpressions: [{key: bad key, operator: Exists}]}",
    "expression with wrong values": "podSelector: {matchExpressions: [{key: a, operator: In, values: [x, x y, '*']}]}",
    "Exists with wrong values": "podSelector: {matchExpressions: [{key: a, operator: Exists, values: [x y]}]}",
    "selectors of peers": """
        egress:
        - to:
          - podSelector: {matchLabels: {bad key: x}}
          - podSelector: {matchExpressions: [{key: a, operator: In}]}
            namespaceSelector: {matchExpressions: [{key: a, operator: NotIn}]}
    """,
    # Several at once: their order
    "a little of everything": """
        podSelector: {matchLabels: {a: x y}}
        policyTypes: [Everything]
        egress: [{ports: [{port: 0}], to: [{}]}]
        ingress: [{from: [{ipBlock: {}}], ports: [{port: web, endPort: 1}]}, {from: [{}, {}]}]
    """,
    # Types
    "matchLabels of a bool": "podSelector: {matchLabels: {a: true}}",
    "matchLabels of a number": "podSelector: {matchLabels: {a: 1}}",
    "matchLabels of a float": "podSelector: {matchLabels: {a: 1.10}}",
    "matchLabels of a list": "podSelector: {matchLabels: {a: [x]}}",
    "matchLabels of an object": "podSelector: {matchLabels: {a: {b: c}}}",
    "matchLabels that is a list": "podSelector: {matchLabels: [a]}",
    "matchLabels that is text": "podSelector: {matchLabels: a=b}",
    "values of a number": "podSelector: {matchExpressions: [{key: a, operator: In, values: [1]}]}",
    "values that is text": "podSelector: {matchExpressions: [{key: a, operator: In, values: x}]}",
    "matchExpressions that is an object": "podSelector: {matchExpressions: {key: a, operator: Exists}}",
    "matchExpressions of text": "podSelector: {matchExpressions: [a]}",
    "expression key of a number": "podSelector: {matchExpressions: [{key: 1, operator: Exists}]}",
    "operator of a bool": "podSelector: {matchExpressions: [{key: a, operator: true}]}",
    "port of a fraction": "ingress: [{ports: [{port: 80.5}]}]",
    "port beyond 32 bits": "ingress: [{ports: [{port: 4294967376}]}]",
    "port of a bool": "ingress: [{ports: [{port: true}]}]",
    "port of a list": "ingress: [{ports: [{port: [80]}]}]",
    "port of an object": "ingress: [{ports: [{port: {}}]}]",
    "port of a whole float": "ingress: [{ports: [{port: 80.0}]}]",
    "port with an exponent": "ingress: [{ports: [{port: 1e3}]}]",
    "port null": "ingress: [{ports: [{port: null}]}]",
    "endPort of text": "ingress: [{ports: [{port: 80, endPort: '90'}]}]",
    "endPort of a fraction": "ingress: [{ports: [{port: 80, endPort: 90.5}]}]",
    "endPort of a whole float": "ingress: [{ports: [{port: 80, endPort: 90.0}]}]",
    "protocol of a number": "ingress: [{ports: [{protocol: 6}]}]",
    "ports of numbers": "ingress: [{ports: [80]}]",
    "ports of text": "egress: [{ports: ['80']}]",
    "ports that is an object": "ingress: [{ports: {port: 80}}]",
    "ports that is a number": "ingress: [{ports: 80}]",
    "from that is an object": "ingress: [{from: {podSelector: {}}}]",
    "from of text": "ingress: [{from: [web]}]",
    "to that is an object": "egress: [{to: {podSelector: {}}}]",
    "ingress that is an object": "ingress: {from: []}",
    "ingress of text": "ingress: [web]",
    "egress that is a bool": "egress: true",
    "policyTypes that is text": "policyTypes: Ingress",
    "policyTypes of a number": "policyTypes: [1]",
    "except that is text": "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: 10.1.0.0/16}}]}]",
    "except of a number": "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10]}}]}]",
    "ipBlock that is text": "ingress: [{from: [{ipBlock: 10.0.0.0/8}]}]",
    "cidr of a number": "ingress: [{from: [{ipBlock: {cidr: 10}}]}]",
    "podSelector that is a list": "podSelector: []",
    "podSelector that is text": "podSelector: app=web",
    "podSelector of a peer that is text": "ingress: [{from: [{podSelector: web}]}]",
    "spec that is a list": "[]",
    "spec that is text": "web",
    "spec that is null": "null",
    # Fields that do not exist
    "unknown field of spec": "podselector: {}",
    "unknown field of a rule": "ingress: [{form: []}]",
    "unknown fields of a port": "ingress: [{ports: [{ports: 80, proto: TCP}]}]",
    "matchLabels forgotten": "{podSelector: {app: web}, ingress: [{from: [{podSelector: {app: api}}]}]}",
    "to in a rule of ingress": "ingress: [{to: [{podSelector: {}}]}]",
    "from in a rule of egress": "egress: [{from: [{podSelector: {}}]}]",
    "unknown field beside a wrong type": "{podselector: {}, ingress: true}",
    "unknown field beside an invalid value": "{podselector: {}, ingress: [{ports: [{port: 0}]}]}",
    "field in capitals": "Ingress: []",
}

METADATA: Final = {
    "name missing": "{}",
    "name empty": '{name: ""}',
    "name null": "{name: null}",
    "name of a number": "{name: 5}",
    "name in capitals": "{name: My_Policy}",
    "name with dots": "{name: a.b}",
    "name that is a dot": "{name: .}",
    "name with a slash": "{name: a/b}",
    "name with a newline": '{name: "a\\nb"}',
    "name of 253 bytes": f"{{name: {'a' * 253}}}",
    "name of 254 bytes": f"{{name: {'a' * 254}}}",
    "name of 254 bytes, in capitals": f"{{name: {'A' * 254}}}",
    "generateName wrong beside a name": "{name: x, generateName: Pol_}",
    "generateName of 253 bytes beside a name": f"{{name: x, generateName: {'a' * 253}}}",
    "generateName of 254 bytes beside a name": f"{{name: x, generateName: {'a' * 254}}}",
    "generateName that ends with a dot": "{name: x, generateName: pol.}",
    "generateName that ends with a hyphen": "{name: x, generateName: pol-}",
    "generateName of a hyphen": "{name: x, generateName: '-'}",
    "generateName alone": "{generateName: pol-}",
    "labels wrong": "{name: x, labels: {bad key: a b}}",
    "label key empty": '{name: x, labels: {"": a}}',
    "label of 64 bytes": f"{{name: x, labels: {{a: {'v' * 64}}}}}",
    "label of a number": "{name: x, labels: {a: 1}}",
    "label null": "{name: x, labels: {a: null}}",
    "labels that are a list": "{name: x, labels: [a]}",
    "annotation key wrong": "{name: x, annotations: {bad key: a}}",
    "annotation key empty": '{name: x, annotations: {"": a}}',
    "annotation prefix in capitals": "{name: x, annotations: {Example.COM/Foo: a}}",
    "annotation prefix wrong": "{name: x, annotations: {-x/y: a}}",
    "annotation of anything": '{name: x, annotations: {a: "any thing\\n"}}',
    "annotation of a bool": "{name: x, annotations: {a: true}}",
    "annotations of 256 KiB": f"{{name: x, annotations: {{a: {'x' * (256 * 1024 - 1)}}}}}",
    "annotations of a byte more": f"{{name: x, annotations: {{a: {'x' * (256 * 1024)}}}}}",
    "creationTimestamp null": "{name: x, creationTimestamp: null}",
    "creationTimestamp": "{name: x, creationTimestamp: '2024-01-01T00:00:00Z'}",
    "what a cluster writes": "{name: x, uid: a, generation: 1, selfLink: a, managedFields: [], ownerReferences: []}",
    "metadata of an unknown field": "{name: x, label: {a: b}}",
    "metadata that is a list": "[]",
    "metadata that is text": "x",
    "metadata null": "null",
    "name, labels and annotations wrong": "{name: My_Policy, labels: {a: b c}, annotations: {c d: e}}",
}

DOCUMENTS: Final = {
    "spec missing": "metadata: {name: x}",
    "metadata missing": "spec: {}",
    "status": "metadata: {name: x}\nstatus: {}",
    "unknown fields at the top and below": "metadata: {name: x}\nspecs: {}\nspec: {foo: 1}",
    "keys that are no text": "metadata: {name: x}\nspec: {podSelector: {matchLabels: {on: a, 1.5: b, 010: c}}}",
    "merge keys": """
        metadata: {name: x}
        spec:
          podSelector: &web {matchLabels: {app: web}}
          ingress: [{from: [{podSelector: {<<: *web}}]}]
    """,
}


def manifests() -> Iterator[tuple[str, str]]:
    """Every policy, as a name for the case and a YAML document."""
    for name, spec in SPECS.items():
        yield name, _document(f"metadata: {{name: x}}\nspec:\n{indent(dedent(spec).strip(), '  ')}")
    for name, metadata in METADATA.items():
        yield name, _document(f"metadata: {metadata}")
    for name, fields in DOCUMENTS.items():
        yield name, _document(dedent(fields).strip())


def _document(fields: str) -> str:
    return f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n{fields}\n"
