"""Kernel programs: the engine's rules for the pods of one node, kept in one nftables table.

compiling  ->  program  ->  difference  ->  kernel
engine's rules as chains,   the way from one        netlink: atomic transactions,
sets and maps               program to the next     reading back, tracked connections
"""
