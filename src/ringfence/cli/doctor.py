"""`doctor`: whether the policies of a cluster are enforced, by what, and what that plugin does differently."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from ringfence.cli import EXIT_NO, EXIT_UNDECIDED, EXIT_YES
from ringfence.cli.completion import complete_context, complete_plugin
from ringfence.cli.output_formats import FormatChoice
from ringfence.cli.terminal import print_document, print_message, print_text
from ringfence.cli.written_files import write_file
from ringfence.cluster import Cluster
from ringfence.doctor import (
    Diagnosis,
    IsEnforced,
    PolicyFindings,
    Unseen,
    diagnose,
    examine_node,
    nodes_for_experiment,
    observe,
    policy_findings,
    report,
    trait_documents,
)
from ringfence.doctor.probe import (
    DEFAULT_IMAGE,
    DEFAULT_PATIENCE,
    NO_EXPERIMENT,
    Experiment,
    Results,
    choose_nodes,
    leftovers,
    planned_objects,
    remove,
    run_experiment,
)
from ringfence.errors import InputError, LiveClusterError
from ringfence.plugins import named_plugin
from ringfence.render.doctor_report import DoctorReport, doctor_json, doctor_text, node_json, node_text
from ringfence.render.formats import document_json, yaml_text
from ringfence.render.plugin_pages import chosen_text, plugin_text
from ringfence.sources.cluster import ApiServer
from ringfence.trait_files import is_plugin_name, plugin_traits, traits_document


@click.command()
@click.option(
    "--context",
    metavar="NAME",
    shell_complete=complete_context,
    help="The kubeconfig context of the cluster.  [default: the current one]",
)
@click.option("--kubeconfig", metavar="FILE", help="The kubeconfig file.")
@click.option(
    "--probe",
    type=click.Choice(["basic", "full"]),
    is_flag=False,
    flag_value="basic",
    help="Prove it by an experiment with its own pods and policy. full: also measure traits of the plugin.",
)
@click.option("--on", "on_nodes", multiple=True, metavar="NODE", help="Prove it on this node. Repeatable.")
@click.option(
    "--all-nodes", is_flag=True, help="Prove it on all Linux nodes that are ready.  [default: on one of them]"
)
@click.option(
    "--image",
    metavar="IMAGE",
    default=DEFAULT_IMAGE,
    show_default=True,
    help="The image of the pods. It must contain agnhost.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=DEFAULT_PATIENCE,
    show_default=True,
    metavar="SECONDS",
    help="How long a policy may take until it is in force.",
)
@click.option("--dry-run", is_flag=True, help="Print the objects that --probe creates, and create nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before anything is created or deleted.")
@click.option(
    "--node", "on_this_node", is_flag=True, help="Only check whether the agent could enforce policies on this node."
)
@click.option(
    "--explain-traits",
    metavar="NAME[@VERSION]|FILE",
    shell_complete=complete_plugin,
    help="Only list what is known of a network plugin, with sources: cilium, cilium@1.19, cilium:enable-sctp=true.",
)
@click.option("--clean", is_flag=True, help="Remove what experiments have left, and exit.")
@click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the traits of the plugin, with those that --probe=full measures, for --plugin FILE of other commands.",
)
@click.option(
    "-o", "--output", type=FormatChoice(["text", "json"]), default="text", show_default=True, help="The output format."
)
def doctor(  # noqa: PLR0913  (the options of the command)
    context: str | None,
    kubeconfig: str | None,
    probe: str | None,
    on_nodes: tuple[str, ...],
    all_nodes: bool,
    image: str,
    timeout: float,
    dry_run: bool,
    yes: bool,
    on_this_node: bool,
    explain_traits: str | None,
    clean: bool,
    save: Path | None,
    output: str,
) -> None:
    """Find out whether the policies of a live cluster are enforced, by what, and on which nodes.

    The API server stores policies even if nothing enforces them, and no field of a policy shows it. The answer for each
    node is enforced, not enforced or inconclusive: enforced needs a known plugin that is configured to enforce policies
    and is ready on the node. The command only reads. For each missing permission it says what could not be checked.

    --probe tests the cluster itself. In a namespace of its own, which is removed at the end, it creates a server and
    two clients on a node, and a policy that allows one of the clients. The clients report by their readiness.

    --node needs no API server. As root on a node, it checks what the agent checks before it starts: whether the kernel
    and the network of the node allow it to enforce policies. The exit code is 1 if they do not.

    Exits with 0 if policies are enforced on all nodes and nothing that the plugin does differently changes an answer
    about them, with 1 if they are not enforced somewhere or an answer changes, and with 3 if it is inconclusive.

    \b
    Examples:
      ringfence doctor
      ringfence doctor --context prod -o json
      ringfence doctor --probe --all-nodes
      ringfence doctor --probe=full --dry-run
      ringfence doctor --probe=full --save traits.yaml
      ringfence doctor --explain-traits cilium@1.19
    """
    # All options are checked before the cluster is asked: an experiment creates objects.
    _check_modes({"--node": on_this_node, "--explain-traits": explain_traits, "--clean": clean, "--probe": probe}, save)
    if on_this_node and (context or kubeconfig):
        raise InputError("--node asks no API server: leave out --context and --kubeconfig")
    if not probe and (on_nodes or all_nodes or dry_run):
        given = "--on" if on_nodes else "--all-nodes" if all_nodes else "--dry-run"
        raise InputError(f"{given} is about the experiment: use it with --probe")
    if on_nodes and all_nodes:
        raise InputError("--on and --all-nodes contradict each other: use one of them")
    if explain_traits:
        _explain(explain_traits, output)
        return
    if on_this_node:
        findings = examine_node()
        if output == "json":
            print_document(node_json(findings))
        else:
            print_text(node_text(findings))
        sys.exit(EXIT_NO if any(one.prevents for one in findings) else EXIT_YES)
    api_server = ApiServer(context, kubeconfig)
    if clean:
        _clean(api_server, yes=yes)
        return
    observed = observe(api_server)
    diagnosis = diagnose(observed)
    results = NO_EXPERIMENT
    if probe:
        able = nodes_for_experiment(observed, diagnosis)
        nodes = _existing(diagnosis, choose_nodes(able, on_nodes, every=all_nodes))
        if all_nodes and (left := len(observed.nodes) - len(nodes)):
            print_message(
                f"{left} of {len(observed.nodes)} nodes are not ready, or do not run Linux pods: they are left out"
            )
        asked = Experiment(nodes, image, probe == "full", timeout)
        # Only now, because the objects depend on the nodes that the cluster has.
        if dry_run:
            print_document("---\n".join(f"{yaml_text(one)}\n" for one in planned_objects(asked)))
            return
        _confirm(f"create pods and a policy in a new namespace of {api_server.server}", yes=yes)
        results = run_experiment(api_server, asked, print_message)
    found = report(observed, diagnosis, policies=_policies(context, kubeconfig, diagnosis, results), results=results)
    # Before the report, which ends with the exit code: the file is written even if the answer is "no".
    if save:
        _save(save, diagnosis, results)
    if output == "json":
        print_document(doctor_json(found))
    else:
        print_text(doctor_text(found))
    sys.exit(_exit_code(found))


def _check_modes(modes: Mapping[str, object], save: Path | None) -> None:
    """Raise InputError for two options of which only one would be followed; `modes` has their values by name."""
    given = [option for option, value in modes.items() if value]
    if len(given) > 1:
        raise InputError(f"{given[0]} and {given[1]} contradict each other: use one of them")
    if save and given and given != ["--probe"]:
        raise InputError(f"--save writes what is found out about the plugin of a cluster: use it without {given[0]}")


def _explain(text: str, output: str) -> None:
    """Print the traits of a plugin. A name alone means all versions; in JSON, the newest (the document of --plugin)."""
    if output == "json":
        print_document(document_json(traits_document(plugin_traits(text))) + "\n")
    elif is_plugin_name(text):
        print_text(plugin_text(named_plugin(text)))
    else:
        print_text(chosen_text(plugin_traits(text)))


def _existing(diagnosis: Diagnosis, nodes: Sequence[str]) -> tuple[str, ...]:
    """The nodes of an experiment. Raises InputError for one that does not exist, and if there is none."""
    known = [one.node for one in diagnosis.nodes]
    if not known:
        raise InputError(
            "--probe: the cluster has no nodes, or you may not list them: the verb list on nodes is needed"
        )
    for name in nodes:
        if name not in known:
            raise InputError(f"--on {name}: there is no such node: known are {', '.join(known[:10])}")
    if not nodes:
        raise InputError("--probe: no node that runs Linux pods is ready: name one with --on to try it nevertheless")
    return tuple(nodes)


def _policies(context: str | None, kubeconfig: str | None, diagnosis: Diagnosis, results: Results) -> PolicyFindings:
    """What the plugins change for the policies of the cluster, if these can be read; else why they cannot."""
    try:
        cluster = Cluster.live(context, kubeconfig)
    # Permission to list policies may be missing, and the rest of the diagnosis does not need it.
    except LiveClusterError as error:
        return PolicyFindings(unseen=(Unseen("policies", str(error)),))
    return policy_findings(cluster, diagnosis, results.measured)


def _save(file: Path, diagnosis: Diagnosis, results: Results) -> None:
    """Write the traits. Raises InputError if no plugin is known, or if the file cannot be written."""
    documents = trait_documents(diagnosis, results.measured)
    if not documents:
        raise InputError(f"--save {file}: no plugin that enforces policies is known: measure one with --probe=full")
    write_file(file, f"{yaml_text(documents[0])}\n", f"--save {file}")
    print_message(f"wrote {file}: use it with --plugin {file}")


def _confirm(action: str, *, yes: bool) -> None:
    """Ask before something is changed. Raises InputError where nobody can answer, click.Abort for a no."""
    if yes:
        return
    # A pipeline would wait forever for an answer that nobody can give.
    if not sys.stdin.isatty():
        raise InputError(f"this would {action}: use --yes to allow it, or --dry-run to see it")
    click.confirm(f"This will {action}. Continue?", abort=True, err=True)


def _clean(api_server: ApiServer, *, yes: bool) -> None:
    names = leftovers(api_server)
    if not names:
        print_message("there is nothing to remove")
        return
    _confirm(f"delete the namespace {' '.join(names)}", yes=yes)
    remove(api_server, names)
    print_message(f"removed the namespace {' '.join(names)}")


def _exit_code(found: DoctorReport) -> int:
    if found.answer == IsEnforced.NO or found.deviates:
        return EXIT_NO
    return EXIT_YES if found.answer == IsEnforced.YES else EXIT_UNDECIDED
