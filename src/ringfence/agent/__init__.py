"""The node agent: it enforces the policies of a live cluster in the kernel of the node on which it runs.

    watch threads                 one thread, the only one that uses the engine and the kernel
    sources.cluster.follow  -->   view   -->   enforcement              -->  the kernel
    typed events                  state        program, revocation, repair, retry

The rules in the kernel outlive this process; the next one adopts them.
"""
