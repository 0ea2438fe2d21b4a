"""The kernel's netlink sockets: one codec for routes, addresses, nftables, tracked connections and packet logs."""
