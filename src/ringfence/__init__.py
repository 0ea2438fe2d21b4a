"""What Kubernetes NetworkPolicies allow, why, and proof that the kernel agrees."""

__version__ = "0.1.0"
