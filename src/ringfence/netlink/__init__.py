"""The kernel's netlink sockets: one codec and one socket for links, routes, nftables, tracked connections and logs.

codec  <-  socket  <-  requests  <-  links, addresses, routes
                   <-  conntrack, packet_log

Each subject's constants stand in its module and have the kernel's own names.
"""
