"""The report of `examples/shop`: its places, and two of its workloads."""

from pathlib import Path

SHOP = Path(__file__).parents[2] / "examples" / "shop"
CHECKOUT, ORDERS = "shop/Deployment/checkout", "shop/StatefulSet/orders-db"
VIEWS = {
    "matrix": (),
    "map": ("map",),
    "map of a namespace": ("map", "shop"),
    "cell": ("cell", CHECKOUT, ORDERS),
    "denied cell": ("cell", ORDERS, CHECKOUT),
    "cell from outside": ("cell", "outside", "edge/Deployment/ingress-controller"),
    "workload": ("workload", CHECKOUT),
    "policies": ("policies",),
    "policy": ("policy", "NetworkPolicy", "shop/orders-db"),
    "findings": ("findings",),
    "dead link": ("workload", "shop/Deployment/gone"),
}
