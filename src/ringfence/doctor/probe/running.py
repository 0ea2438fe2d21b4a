"""Runs the experiment on several nodes of a cluster at the same time, and removes all its objects at the end."""

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import msgspec

from ringfence.doctor.answers import IsEnforced
from ringfence.doctor.observed import Unseen
from ringfence.doctor.probe.cases import CASES, CLOSED_NEWCOMERS, DENY_INGRESS, LATER_CLIENTS, OLD, POD_START
from ringfence.doctor.probe.experiment import Inconclusive, Measured, ProbeSite, clients, measure, prove
from ringfence.doctor.probe.ground import Ground, Refused, ground
from ringfence.doctor.probe.manifests import DEFAULT_IMAGE, SERVER, Site, client, namespace, policy, server, service
from ringfence.render.doctor_report import ProofReport
from ringfence.signal_cleanup import ended_after_cleanup
from ringfence.sources.cluster import ApiServer

DEFAULT_PATIENCE: Final = 30.0
_AT_ONCE: Final = 8
"""The number of nodes on which the experiment runs at the same time."""
_NO_ADDRESS: Final = "192.0.2.1"
"""The placeholder in a dry run for an address that is not known yet (reserved for documentation by RFC 5737)."""


class Experiment(msgspec.Struct, frozen=True):
    """The options of an experiment.

    `full` also measures traits. `patience` is the time in seconds within which a policy must come into force.
    """

    nodes: tuple[str, ...]
    image: str = DEFAULT_IMAGE
    full: bool = False
    patience: float = DEFAULT_PATIENCE


class Results(msgspec.Struct, frozen=True):
    """The proof for each node, the measured traits, and the names of policies that other programs created.

    `unseen` is what could not be read in the namespace of the experiment.
    """

    proofs: tuple[ProofReport, ...]
    measured: tuple[Measured, ...] = ()
    foreign_policies: tuple[str, ...] = ()
    unseen: tuple[Unseen, ...] = ()


NO_EXPERIMENT: Final = Results(())
"""The results if no experiment was run."""


def run_experiment(api_server: ApiServer, asked: Experiment, progress: Callable[[str], None]) -> Results:
    """Run an experiment in a new namespace. The namespace is removed at the end, even if a signal ends the program.

    Traits are measured on the first node. `progress` is called with a line of text for each step. Raises
    LiveClusterError if the API server cannot be reached or if the namespace cannot be removed.
    """
    run = secrets.token_hex(4)
    with ended_after_cleanup():
        try:
            with ground(api_server, _name(run), run) as place:
                progress(f"created the namespace {place.name}")
                return _run(place, asked, progress)
        except Refused as error:
            return Results(tuple(ProofReport(node, IsEnforced.UNKNOWN, str(error)) for node in asked.nodes))


def _name(run: str) -> str:
    return f"ringfence-doctor-{run}"


def _run(on: Ground, asked: Experiment, progress: Callable[[str], None]) -> Results:
    sites = [ProbeSite(on, number, node, asked.image, asked.patience) for number, node in enumerate(asked.nodes)]

    def proof(site: ProbeSite) -> ProofReport:
        try:
            site.start(full=asked.full and site is sites[0])
        except Inconclusive as error:
            return ProofReport(site.node, IsEnforced.UNKNOWN, str(error))
        found = prove(site)
        progress(f"{site.node}: {found.answer}")
        return found

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            proofs = tuple(pool.map(proof, sites))
        except BaseException:  # on Ctrl-C, the threads would otherwise run until they have an answer
            on.end()
            raise
    # Policies that are not enforced show no traits.
    measured = tuple(measure(sites[0])) if asked.full and proofs[0].answer == IsEnforced.YES else ()
    try:
        return Results(proofs, measured, tuple(on.foreign_policies()))
    except Refused as error:  # it must not cost the proofs
        return Results(proofs, measured, unseen=(Unseen("policies of other programs in the experiment", str(error)),))


def planned_objects(asked: Experiment) -> list[dict[str, Any]]:
    """The objects that an experiment creates, in order. Only names and addresses differ between runs."""
    run = "0" * 8
    objects: list[dict[str, Any]] = [namespace(_name(run), run)]
    for number, node in enumerate(asked.nodes):
        site = Site(f"p{number}", node, run, asked.image)
        full = asked.full and number == 0
        objects.append(server(site, full=full))
        objects += [client(one, site, _NO_ADDRESS) for one in clients(full=full)]
        objects.append(policy("deny", site, SERVER, DENY_INGRESS))
        if full:
            objects.append(service(site))
            objects += [client(one, site, _NO_ADDRESS) for one in LATER_CLIENTS]
            objects += [policy(one.topic.lower(), site, one.selected, one.spec(_NO_ADDRESS)) for one in CASES]
            objects.append(policy(POD_START, site, OLD.role, CLOSED_NEWCOMERS))
    return [_placed(one, _name(run)) for one in objects]


def _placed(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    """A copy of an object with the namespace in which it is created."""
    if manifest["kind"] == "Namespace":
        return manifest
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": name}}


def choose_nodes(ready: Sequence[str], named: Sequence[str], *, every: bool) -> tuple[str, ...]:
    """The nodes of an experiment: the named nodes if there are any, else every ready node or only the first one."""
    if named:
        return tuple(dict.fromkeys(named))
    return tuple(ready) if every else tuple(ready[:1])
