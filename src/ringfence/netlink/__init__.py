"""The kernel's netlink sockets: one codec and one socket for links, routes, nftables, tracked connections and logs.

codec  <-  socket  <-  requests  <-  links  <-  link_changes
                                 <-  addresses, routes
                   links, addresses         <-  veth
                   <-  conntrack  <-  conntrack_reversal
                   <-  packet_log

The constants of each subject are in its module, with the names that the kernel uses.
"""
