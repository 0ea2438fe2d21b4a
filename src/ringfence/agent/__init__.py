"""The node agent: the policies of a live cluster, enforced in the kernel of the node it runs on.

    watch threads            one thread, the only one that touches engine and kernel
    sources.watching  -->    view  -->  enforcement  -->  the kernel
    typed events             state      program, revocation, repair, retry

Whatever happens to this process, what it put into the kernel stays in force; the next one takes it over.
"""
